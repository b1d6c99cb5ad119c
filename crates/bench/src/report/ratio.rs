use serde::{Deserialize, Serialize};

/// A quotient with its 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// The quotient.
    pub ratio: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

/// What the bootstrap draws from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resampled {
    /// Rounds, the same ones of both targets.
    Rounds,
    /// Blocks of consecutive requests, of each target on its own.
    Blocks,
    /// Starts, the same ones of both commands.
    Starts,
}

/// One target divided by another. A ratio is missing when it would divide by zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The target above the line.
    pub of: String,
    /// The target below it.
    pub to: String,
    /// What the intervals are resampled from.
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
