use std::f64::consts::TAU;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

/// Requests per second over time. Times are in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Load {
    /// Always the same rate.
    Constant(f64),
    /// A sine from `low` over `high` after half a `period` back to `low`.
    Diurnal { low: f64, high: f64, period: f64 },
    /// `high` between `from` and `to`, otherwise `low`.
    Burst { low: f64, high: f64, from: f64, to: f64 },
}

impl Load {
    /// The rate at a time.
    pub(crate) fn rate(self, at: f64) -> f64 {
        match self {
            Self::Constant(rate) => rate,
            Self::Diurnal { low, high, period } => {
                low + (high - low) * (1.0 - (TAU * at / period).cos()) / 2.0
            }
            Self::Burst { low, high, from, to } => {
                if (from..to).contains(&at) {
                    high
                } else {
                    low
                }
            }
        }
    }

    /// The highest rate.
    pub(crate) fn peak(self) -> f64 {
        match self {
            Self::Constant(rate) => rate,
            Self::Diurnal { low, high, .. } | Self::Burst { low, high, .. } => low.max(high),
        }
    }

    /// Random times of independent requests before `end`.
    pub(super) fn arrivals(self, end: f64, seed: u64) -> Arrivals {
        Arrivals { load: self, end, at: 0.0, random: SmallRng::seed_from_u64(seed) }
    }
}

/// A Poisson process with a rate that changes, by thinning: of the requests of a process with the highest
/// rate, each is kept with the probability of its time (Lewis and Shedler, 1979).
pub(super) struct Arrivals {
    load: Load,
    end: f64,
    at: f64,
    random: SmallRng,
}

impl Iterator for Arrivals {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        let peak = self.load.peak();
        loop {
            let uniform: f64 = self.random.random();
            self.at -= (1.0 - uniform).ln() / peak;
            if self.at >= self.end {
                return None;
            }
            let kept: f64 = self.random.random();
            if kept * peak < self.load.rate(self.at) {
                return Some(self.at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(load: Load, from: f64, to: f64) -> f64 {
        let within = load.arrivals(100.0, 7).filter(|at| (from..to).contains(at));
        within.count() as f64 / (to - from)
    }

    #[test]
    fn a_constant_load_has_its_rate_and_exponential_gaps() {
        let times: Vec<f64> = Load::Constant(1000.0).arrivals(100.0, 7).collect();
        assert!((times.len() as f64 / 100_000.0 - 1.0).abs() < 0.02);
        let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
        let long = gaps.filter(|gap| *gap > 0.001).count() as f64;
        assert!((long / times.len() as f64 - (-1.0_f64).exp()).abs() < 0.01);
    }

    #[test]
    fn a_burst_and_a_day_have_their_rates() {
        let burst = Load::Burst { low: 100.0, high: 2000.0, from: 40.0, to: 60.0 };
        assert!((between(burst, 0.0, 40.0) / 100.0 - 1.0).abs() < 0.05);
        assert!((between(burst, 40.0, 60.0) / 2000.0 - 1.0).abs() < 0.05);
        let day = Load::Diurnal { low: 100.0, high: 1100.0, period: 100.0 };
        assert!((between(day, 0.0, 100.0) / 600.0 - 1.0).abs() < 0.05);
        assert!((between(day, 45.0, 55.0) / 1100.0 - 1.0).abs() < 0.05);
        assert!(between(day, 0.0, 5.0) < 150.0);
    }
}
