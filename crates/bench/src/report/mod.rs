//! The reports as they are written to JSON. Times are in milliseconds, sizes in bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::histogram::Latencies;
use crate::protocol::Protocol;
use crate::scenario::{Load, Scenario, Verb};

mod describe;
mod load;
mod ratio;
mod start;

pub use load::{LoadReport, LoadTarget, StepRatios, StepReport};
pub use ratio::{Comparison, Ratio, Resampled};
pub use start::{
    MemoryUse, Spread, Start, StartComparison, StartRecord, StartReport, StartSummary, StartTarget,
};

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Latency of one or more targets under one load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was asked for.
    pub verb: Verb,
    /// The version of this tool.
    pub pilotlight_bench: String,
    /// Where it ran.
    pub machine: Machine,
    /// What was sent, how fast and for how long.
    pub scenario: ScenarioRecord,
    /// The targets in the order they were named.
    pub targets: Vec<TargetReport>,
    /// Each further target against the first.
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

/// The options that a measurement depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScenarioRecord {
    /// How requests follow each other.
    #[serde(flatten)]
    pub load: Load,
    /// How long each target is measured, over all rounds, in seconds.
    pub duration_s: f64,
    /// The warm-up before the first round, in seconds; a tenth of it before later ones.
    pub warm_up_s: f64,
    /// How many times the targets are measured in turn.
    pub rounds: u32,
    /// The most connections to a target in an open loop.
    pub connections: usize,
    /// How long an answer may take, in seconds.
    pub timeout_s: f64,
    /// Seed of random arrivals and of the resampling.
    pub seed: u64,
    /// The version of HTTP.
    pub http: Protocol,
    /// The method.
    pub method: String,
    /// Names of the headers; their values may be secret.
    pub headers: Vec<String>,
    /// How many different bodies are sent in turn.
    pub bodies: usize,
    /// The size of all of them.
    pub body_bytes: u64,
}

/// What was measured of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetReport {
    /// What the target is called.
    pub name: String,
    /// Where requests went.
    pub url: String,
    /// All rounds together.
    pub summary: Summary,
    /// Each round.
    pub rounds: Vec<Summary>,
    /// The parts of the answers, when the server names them and the verb is `cold`.
    pub parts: Option<Parts>,
    /// Each second of the measured time, when the verb is `cold`.
    pub series: Vec<SeriesPoint>,
    /// How late after their intended times requests were sent, in an open loop.
    pub pacing: Option<Pacing>,
    /// Pairs of quantile and latency; the last is the maximum.
    pub percentiles: Vec<(f64, f64)>,
    /// Lower bound, upper bound and count of bins of equal ratio.
    pub histogram: Vec<(f64, f64, u64)>,
}

/// Outcomes of a number of requests.
///
/// Latency runs from the intended time of a request (open loop) or from its sending (closed loop)
/// to the last byte of its answer. It is recorded for good answers and for requests that ran out
/// of time; other errors are only counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Requests sent, whatever became of them.
    pub requests: u64,
    /// Requests whose latency is recorded.
    pub recorded: u64,
    /// Requests without a good answer.
    pub errors: Errors,
    /// The measured time.
    pub seconds: f64,
    /// Good answers completed within the measured time, for each second of it.
    pub requests_per_second: f64,
    /// Half of the requests took at most this long.
    pub p50_ms: f64,
    /// Nine of ten took at most this long.
    pub p90_ms: f64,
    /// 99 % took at most this long.
    pub p99_ms: f64,
    /// 99.9 % took at most this long.
    pub p99_9_ms: f64,
    /// The longest.
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

/// Requests without a good answer, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errors {
    /// No connection could be opened.
    pub connect: u64,
    /// The time ran out.
    pub timeout: u64,
    /// The connection broke before the last byte of the answer.
    pub reset: u64,
    /// What came back is not HTTP.
    pub protocol: u64,
    /// Answers with a status from 400 to 499.
    pub status_4xx: u64,
    /// Answers with a status from 500 to 599.
    pub status_5xx: u64,
    /// How often each of these statuses came.
    pub statuses: BTreeMap<u16, u64>,
}

impl Errors {
    /// All kinds together.
    pub fn total(&self) -> u64 {
        let transport = self.connect + self.timeout + self.reset + self.protocol;
        transport + self.status_4xx + self.status_5xx
    }
}

/// What answers say about themselves in `server-timing`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parts {
    /// Answers that named any part.
    pub answers: u64,
    /// How long the instance took to be made.
    pub instantiate: Option<Part>,
    /// How long the request waited for an instance.
    pub wait: Option<Part>,
    /// How long the guest took to the head of its answer.
    pub guest: Option<Part>,
    /// Requests that found an instance ready.
    pub ready: u64,
    /// Requests whose instance was made while they waited.
    pub inline: u64,
}

/// One part of the answers.
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
    /// Those without a good answer.
    pub errors: u64,
    /// The median latency.
    pub p50_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// How late requests were sent; the load generator's own part in the latency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pacing {
    /// The median.
    pub p50_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// The latest.
    pub max_ms: f64,
}

impl From<&Scenario> for ScenarioRecord {
    fn from(scenario: &Scenario) -> Self {
        let headers = scenario.request.headers.keys().map(ToString::to_string).collect();
        Self {
            load: scenario.load,
            duration_s: scenario.duration.as_secs_f64(),
            warm_up_s: scenario.warm_up.as_secs_f64(),
            rounds: scenario.rounds,
            connections: scenario.connections,
            timeout_s: scenario.timeout.as_secs_f64(),
            seed: scenario.seed,
            http: scenario.protocol,
            method: scenario.request.method().to_string(),
            headers,
            bodies: scenario.request.bodies.len(),
            body_bytes: scenario.request.bodies.iter().map(|body| body.len() as u64).sum(),
        }
    }
}

impl From<&Latencies> for Pacing {
    fn from(lateness: &Latencies) -> Self {
        Self {
            p50_ms: lateness.quantile_ms(0.5),
            p99_ms: lateness.quantile_ms(0.99),
            max_ms: lateness.max_ms(),
        }
    }
}
