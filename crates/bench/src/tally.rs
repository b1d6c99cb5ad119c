use std::time::Duration;

use crate::client::Response;
use crate::error::Result;
use crate::failure::Failure;
use crate::histogram::Latencies;
use crate::report::{Errors, SeriesPoint, Summary};

/// The result of a request.
pub(crate) type Outcome = std::result::Result<Response, Failure>;

/// The outcomes of a number of requests.
#[derive(Clone)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    /// Successful responses that were complete before the end of the window.
    pub(crate) in_time: u64,
    pub(crate) errors: Errors,
    pub(crate) latencies: Latencies,
    pub(crate) bytes: u64,
}

impl Tally {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            requests: 0,
            in_time: 0,
            errors: Errors::default(),
            latencies: Latencies::new()?,
            bytes: 0,
        })
    }

    /// The latency of a request that timed out is recorded, too. Otherwise a server would look faster
    /// the longer it stalls.
    pub(crate) fn record(&mut self, outcome: &Outcome, latency: Duration, in_time: bool) {
        self.requests += 1;
        match failure(outcome) {
            None => {
                self.in_time += u64::from(in_time);
                self.latencies.record(latency);
            }
            Some(Failure::Timeout) => {
                self.errors.timeout += 1;
                self.latencies.record(latency);
            }
            Some(other) => self.errors.count(other),
        }
        self.bytes += outcome.as_ref().map_or(0, |response| response.bytes);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.in_time += other.in_time;
        self.errors.merge(&other.errors);
        self.latencies.merge(&other.latencies);
        self.bytes += other.bytes;
    }

    /// Sums up what was measured in `seconds`.
    pub(crate) fn summary(&self, seconds: f64) -> Summary {
        let latencies = &self.latencies;
        let (p50_ms, p99_9_ms) = (latencies.quantile_ms(0.5), latencies.quantile_ms(0.999));
        Summary {
            requests: self.requests,
            recorded: latencies.len(),
            errors: self.errors.clone(),
            seconds,
            requests_per_second: if seconds > 0.0 { self.in_time as f64 / seconds } else { 0.0 },
            p50_ms,
            p90_ms: latencies.quantile_ms(0.9),
            p99_ms: latencies.quantile_ms(0.99),
            p99_9_ms,
            max_ms: latencies.max_ms(),
            mean_ms: latencies.mean_ms(),
            sigma_ms: latencies.sigma_ms(),
            jitter: if p50_ms > 0.0 { p99_9_ms / p50_ms } else { 0.0 },
            bytes: self.bytes,
        }
    }

    /// The outcomes as those of one second.
    pub(crate) fn point(&self, second: u64) -> SeriesPoint {
        SeriesPoint {
            second,
            requests: self.requests,
            errors: self.errors.total(),
            p50_ms: self.latencies.quantile_ms(0.5),
            p99_ms: self.latencies.quantile_ms(0.99),
            max_ms: self.latencies.max_ms(),
        }
    }
}

fn failure(outcome: &Outcome) -> Option<Failure> {
    match outcome {
        Ok(Response { head, .. }) => {
            let bad = head.status.is_client_error() || head.status.is_server_error();
            bad.then_some(Failure::Status(head.status))
        }
        Err(failure) => Some(*failure),
    }
}

impl Errors {
    fn count(&mut self, failure: Failure) {
        match failure {
            Failure::Connect => self.connect += 1,
            Failure::Timeout => self.timeout += 1,
            Failure::Reset => self.reset += 1,
            Failure::Protocol => self.protocol += 1,
            Failure::Status(status) => {
                let client = status.is_client_error();
                *if client { &mut self.status_4xx } else { &mut self.status_5xx } += 1;
                *self.statuses.entry(status.as_u16()).or_default() += 1;
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.connect += other.connect;
        self.timeout += other.timeout;
        self.reset += other.reset;
        self.protocol += other.protocol;
        self.status_4xx += other.status_4xx;
        self.status_5xx += other.status_5xx;
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
    }
}
