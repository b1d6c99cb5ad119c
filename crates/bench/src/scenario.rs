use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::arrivals::Arrivals;
use crate::error::{Error, Result};
use crate::protocol::Protocol;
use crate::request::RequestTemplate;
use crate::target::Target;

/// Which report is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Verb {
    /// Latency under a steady load.
    Bench,
    /// The same, with a time series and the parts that the server names.
    Cold,
}

/// How requests follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "loop", rename_all = "lowercase")]
pub enum Load {
    /// At a rate that does not depend on the answers.
    Open {
        /// Requests per second.
        rate: f64,
        /// How they are spread over time.
        arrivals: Arrivals,
    },
    /// Each worker sends its next request when it has its answer.
    Closed {
        /// The number of workers.
        concurrency: usize,
    },
}

impl Load {
    /// The load in words.
    pub fn label(self) -> String {
        match self {
            Self::Open { rate, arrivals: Arrivals::Constant } => format!("{rate} requests/s"),
            Self::Open { rate, arrivals: Arrivals::Poisson } => {
                format!("{rate} requests/s (Poisson)")
            }
            Self::Closed { concurrency: 1 } => "1 worker".to_owned(),
            Self::Closed { concurrency } => format!("{concurrency} workers"),
        }
    }
}

/// What is sent to which targets, how fast and for how long.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Which report is asked for.
    pub verb: Verb,
    /// The targets; ratios are to the first.
    pub targets: Vec<Target>,
    /// How requests follow each other.
    pub load: Load,
    /// How long each target is measured, over all rounds.
    pub duration: Duration,
    /// How long a target is sent requests before its first round; a tenth of it before each
    /// later one.
    pub warm_up: Duration,
    /// Targets are measured in turn this many times.
    pub rounds: u32,
    /// The most connections to a target in an open loop.
    pub connections: usize,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Seed of random arrivals and of the resampling.
    pub seed: u64,
    /// What is sent.
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
