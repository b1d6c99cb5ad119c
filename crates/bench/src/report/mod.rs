//! Types of reports, which serialize to JSON. Times are in milliseconds, sizes in bytes.
//! Used by every module that measures or shows results. Does not know clients or options.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::load::{Load, Protocol, Verb};

mod describe;
mod load;
mod ratio;
mod start;
mod stream;

pub use load::{LoadReport, LoadTarget, StepRatios, StepReport};
pub use ratio::{Comparison, Ratio, Resampled};
pub use start::{
    MemoryUse, Spread, Start, StartComparison, StartRecord, StartReport, StartSummary, StartTarget,
};
pub use stream::{StreamRecord, StreamReport, StreamStep, StreamTarget};

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Latency of one or more targets under one load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The kind of measurement.
    pub verb: Verb,
    /// The version of this tool.
    pub pilotlight_bench: String,
    /// The machine.
    pub machine: Machine,
    /// The options of the measurement.
    pub scenario: ScenarioRecord,
    /// The targets in the order of the options.
    pub targets: Vec<TargetReport>,
    /// Each further target relative to the first.
    pub ratios: Vec<Comparison>,
}

/// The machine that ran the load generator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Cores that this process may use.
    pub cores: usize,
    /// The operating system and its release.
    pub os: String,
    /// The kernel's release.
    pub kernel: String,
    /// The processor's model.
    pub cpu: String,
}

/// The options of a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScenarioRecord {
    /// When requests are sent.
    #[serde(flatten)]
    pub load: Load,
    /// Measured time of each target in all rounds, in seconds.
    pub duration_s: f64,
    /// The warm-up before the first round, in seconds; a tenth of it before later ones.
    pub warm_up_s: f64,
    /// Number of alternating rounds.
    pub rounds: u32,
    /// Maximum number of connections to a target in an open loop.
    pub connections: usize,
    /// Timeout of a response in seconds.
    pub timeout_s: f64,
    /// Seed of random intervals and of the bootstrap.
    pub seed: u64,
    /// The version of HTTP.
    pub http: Protocol,
    /// The method.
    pub method: String,
    /// Names of the headers; their values may be secret.
    pub headers: Vec<String>,
    /// Number of different bodies, which are sent in turn.
    pub bodies: usize,
    /// The size of all of them.
    pub body_bytes: u64,
}

/// The results of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetReport {
    /// The name of the target.
    pub name: String,
    /// The URL of requests.
    pub url: String,
    /// All rounds together.
    pub summary: Summary,
    /// Each round.
    pub rounds: Vec<Summary>,
    /// Durations from `server-timing` headers, if the verb is `cold` and the server sends them.
    pub parts: Option<Parts>,
    /// Each second of the measured time, if the verb is `cold`.
    pub series: Vec<SeriesPoint>,
    /// Delay of requests after their intended times, in an open loop.
    pub pacing: Option<Pacing>,
    /// Pairs of quantile and latency; the last is the maximum.
    pub percentiles: Vec<(f64, f64)>,
    /// Lower bound, upper bound and count of bins of equal ratio.
    pub histogram: Vec<(f64, f64, u64)>,
}

/// The results of a number of requests.
///
/// Latency is the time from the intended time of a request (open loop) or from its sending (closed
/// loop) to the last byte of its response. It is recorded for successful requests and for those
/// that timed out; other errors are only counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// All requests that were sent.
    pub requests: u64,
    /// Requests whose latency is recorded.
    pub recorded: u64,
    /// Failed requests.
    pub errors: Errors,
    /// The measured time.
    pub seconds: f64,
    /// Successful responses that were complete within the measured time, per second.
    pub requests_per_second: f64,
    /// Median latency.
    pub p50_ms: f64,
    /// 90th percentile.
    pub p90_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// 99.9th percentile.
    pub p99_9_ms: f64,
    /// The maximum.
    pub max_ms: f64,
    /// The mean.
    pub mean_ms: f64,
    /// The standard deviation.
    pub sigma_ms: f64,
    /// p99.9 divided by p50.
    pub jitter: f64,
    /// Bytes of all bodies received.
    pub bytes: u64,
}

/// Failed requests by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errors {
    /// No connection could be opened.
    pub connect: u64,
    /// The timeout expired.
    pub timeout: u64,
    /// The connection was closed before the last byte of the response.
    pub reset: u64,
    /// The response is not valid HTTP.
    pub protocol: u64,
    /// Responses with a status from 400 to 499.
    pub status_4xx: u64,
    /// Responses with a status from 500 to 599.
    pub status_5xx: u64,
    /// Number of responses with each of these statuses.
    pub statuses: BTreeMap<u16, u64>,
}

impl Errors {
    /// All kinds together.
    pub fn total(&self) -> u64 {
        let transport = self.connect + self.timeout + self.reset + self.protocol;
        transport + self.status_4xx + self.status_5xx
    }
}

/// Durations from `server-timing` headers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parts {
    /// Responses with at least one duration.
    pub answers: u64,
    /// Creation of the instance.
    pub instantiate: Option<Part>,
    /// Wait for an instance.
    pub wait: Option<Part>,
    /// Time of the guest to the head of its response.
    pub guest: Option<Part>,
    /// Requests for which an instance was ready.
    pub ready: u64,
    /// Requests whose instance was created while they waited.
    pub inline: u64,
}

/// One of these durations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The median.
    pub median_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
}

/// Requests that were due in one second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesPoint {
    /// The second of the measured time, from 0, over all rounds.
    pub second: u64,
    /// Requests due in it.
    pub requests: u64,
    /// Failed requests.
    pub errors: u64,
    /// The median latency.
    pub p50_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// The maximum.
    pub max_ms: f64,
}

/// Delay of requests, which is the load generator's part of the latency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pacing {
    /// The median.
    pub p50_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// The maximum.
    pub max_ms: f64,
}
