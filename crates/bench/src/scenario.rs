use std::time::Duration;

use crate::error::{Error, Result};
use crate::load::{Load, Protocol, Verb};
use crate::report::ScenarioRecord;
use crate::request::RequestTemplate;
use crate::target::Target;

/// The requests and targets of a measurement, its load and its duration.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The kind of measurement.
    pub verb: Verb,
    /// The targets. Ratios are relative to the first.
    pub targets: Vec<Target>,
    /// When requests are sent.
    pub load: Load,
    /// Measured time of each target in all rounds.
    pub duration: Duration,
    /// Time of requests before the first round of a target; a tenth of it before each later one.
    pub warm_up: Duration,
    /// Number of alternating rounds.
    pub rounds: u32,
    /// Maximum number of connections to a target in an open loop.
    pub connections: usize,
    /// Timeout of a response.
    pub timeout: Duration,
    /// Seed of random intervals and of the bootstrap.
    pub seed: u64,
    /// The requests.
    pub request: RequestTemplate,
    /// The version of HTTP.
    pub protocol: Protocol,
}

impl Scenario {
    /// A closed loop with one worker for ten seconds.
    pub fn new(targets: Vec<Target>) -> Self {
        Self {
            verb: Verb::Bench,
            rounds: if targets.len() > 1 { 5 } else { 1 },
            targets,
            load: Load::Closed { concurrency: 1 },
            duration: Duration::from_secs(10),
            warm_up: Duration::from_secs(2),
            connections: 256,
            timeout: Duration::from_secs(30),
            seed: 1,
            request: RequestTemplate::default(),
            protocol: Protocol::Http1,
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |message: &str| Err(Error::Options(message.to_owned()));
        match self.load {
            Load::Open { rate, .. } if !(rate.is_finite() && rate > 0.0 && rate <= 1e6) => {
                return refuse("--rate must be above 0 and at most 1000000 requests per second");
            }
            Load::Closed { concurrency: 0 } => return refuse("--concurrency must be at least 1"),
            _ => {}
        }
        let zero = [
            ("--duration", self.duration.is_zero()),
            ("--rounds", self.rounds == 0),
            ("--connections", self.connections == 0),
            ("--timeout", self.timeout.is_zero()),
        ];
        if let Some((option, _)) = zero.iter().find(|(_, zero)| *zero) {
            return refuse(&format!("{option} must be above 0"));
        }
        check_targets(&self.targets)
    }

    pub(crate) fn record(&self) -> ScenarioRecord {
        let headers = self.request.headers.keys().map(ToString::to_string).collect();
        ScenarioRecord {
            load: self.load,
            duration_s: self.duration.as_secs_f64(),
            warm_up_s: self.warm_up.as_secs_f64(),
            rounds: self.rounds,
            connections: self.connections,
            timeout_s: self.timeout.as_secs_f64(),
            seed: self.seed,
            http: self.protocol,
            method: self.request.method().to_string(),
            headers,
            bodies: self.request.bodies.len(),
            body_bytes: self.request.bodies.iter().map(|body| body.len() as u64).sum(),
        }
    }
}

fn check_targets(targets: &[Target]) -> Result<()> {
    if targets.is_empty() {
        return Err(Error::Options("name a target with --target NAME=URL".to_owned()));
    }
    for (index, target) in targets.iter().enumerate() {
        if targets[..index].iter().any(|earlier| earlier.name == target.name) {
            let name = &target.name;
            return Err(Error::Options(format!(
                "two targets are called {name}; name them apart with --target NAME=URL"
            )));
        }
    }
    Ok(())
}
