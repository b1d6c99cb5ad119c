use serde::{Deserialize, Serialize};

/// A ratio with its 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// The ratio.
    pub ratio: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

/// The units that the bootstrap draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resampled {
    /// Rounds, the same ones for both targets.
    Rounds,
    /// Blocks of consecutive requests, independently for each target.
    Blocks,
    /// Starts, the same ones for both commands.
    Starts,
}

/// The ratios of two targets. A ratio is missing if its denominator is zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The target in the numerator.
    pub of: String,
    /// The target in the denominator.
    pub to: String,
    /// The units that the bootstrap draws.
    pub resampled: Resampled,
    /// Of the medians.
    pub p50: Option<Ratio>,
    /// Of the 90th percentiles.
    pub p90: Option<Ratio>,
    /// Of the 99th percentiles.
    pub p99: Option<Ratio>,
    /// Of the 99.9th percentiles.
    #[serde(rename = "p99.9")]
    pub p99_9: Option<Ratio>,
    /// Of p99.9 / p50.
    pub jitter: Option<Ratio>,
    /// Of the throughputs.
    pub requests_per_second: Option<Ratio>,
}
