use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::{Deserialize, Serialize};

/// The intervals between the requests of an open loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// Constant intervals.
    #[default]
    Constant,
    /// Random intervals, as with many independent users.
    Poisson,
}

impl Arrivals {
    /// The intended times of `rate` requests per second, relative to the start; endless.
    pub fn schedule(self, rate: f64, seed: u64) -> Schedule {
        let rng = (self == Self::Poisson).then(|| SmallRng::seed_from_u64(seed));
        Schedule { gap_ns: 1e9 / rate, rng, count: 0, at_ns: 0.0 }
    }
}

/// Intended times of requests; see [`Arrivals::schedule`].
#[derive(Debug, Clone)]
pub struct Schedule {
    gap_ns: f64,
    rng: Option<SmallRng>,
    count: u64,
    at_ns: f64,
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let at_ns = match &mut self.rng {
            // Multiplied rather than added up: no rounding error gathers in a long run.
            None => self.count as f64 * self.gap_ns,
            Some(rng) => {
                let uniform: f64 = rng.random();
                self.at_ns -= (1.0 - uniform).ln() * self.gap_ns;
                self.at_ns
            }
        };
        self.count += 1;
        Some(Duration::from_nanos(at_ns.round() as u64))
    }
}
