use serde::{Deserialize, Serialize};

use super::{Comparison, Machine, ScenarioRecord, Summary};
use crate::load::Load;

/// Latency and throughput of one or more targets under increasing load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadReport {
    /// Always `load`.
    pub verb: String,
    /// The version of this tool.
    pub pilotlight_bench: String,
    /// The machine.
    pub machine: Machine,
    /// The options of all steps. The load is that of the first step.
    pub scenario: ScenarioRecord,
    /// The targets in the order of the options.
    pub targets: Vec<LoadTarget>,
    /// Each further target relative to the first, for each step.
    pub ratios: Vec<StepRatios>,
}

/// The results of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadTarget {
    /// The name of the target.
    pub name: String,
    /// The URL of requests.
    pub url: String,
    /// The steps in order of their load.
    pub steps: Vec<StepReport>,
    /// The index of the first saturated step.
    pub saturated_at: Option<usize>,
}

/// One target at one load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// The load.
    pub load: Load,
    /// The results.
    pub summary: Summary,
    /// More load has no effect: the throughput is less than 5 % above that of the previous step
    /// (closed loop), or below 95 % of the sent requests (open loop).
    pub saturated: bool,
}

/// The comparisons at one load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRatios {
    /// The load.
    pub load: Load,
    /// Each further target relative to the first.
    pub ratios: Vec<Comparison>,
}
