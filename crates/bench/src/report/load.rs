use serde::{Deserialize, Serialize};

use super::{Comparison, Machine, ScenarioRecord, Summary};
use crate::scenario::Load;

/// Latency and throughput of one or more targets over rising loads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadReport {
    /// Always `load`.
    pub verb: String,
    /// The version of this tool.
    pub pilotlight_bench: String,
    /// Where it ran.
    pub machine: Machine,
    /// The options of every step; its load is that of the first.
    pub scenario: ScenarioRecord,
    /// The targets in the order they were named.
    pub targets: Vec<LoadTarget>,
    /// Each further target against the first, for each step.
    pub ratios: Vec<StepRatios>,
}

/// One target over the steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadTarget {
    /// What the target is called.
    pub name: String,
    /// Where requests went.
    pub url: String,
    /// The steps, rising.
    pub steps: Vec<StepReport>,
    /// The index of the first saturated step.
    pub saturated_at: Option<usize>,
}

/// One target at one load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// How requests followed each other.
    pub load: Load,
    /// What was measured.
    pub summary: Summary,
    /// More load brings nothing: the throughput rose by less than 5 % over the step before
    /// (closed loop) or stayed below 95 % of what was sent (open loop).
    pub saturated: bool,
}

/// The comparisons at one load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRatios {
    /// The load.
    pub load: Load,
    /// Each further target against the first.
    pub ratios: Vec<Comparison>,
}
