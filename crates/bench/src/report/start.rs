use serde::{Deserialize, Serialize};

use super::{Machine, Ratio, Resampled};

/// The time from `exec` of commands to their first response, in parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartReport {
    /// Always `start`.
    pub verb: String,
    /// The version of this tool.
    pub pilotlight_bench: String,
    /// Where it ran.
    pub machine: Machine,
    /// The options of the measurement.
    pub scenario: StartRecord,
    /// The commands in the order of the options.
    pub targets: Vec<StartTarget>,
    /// Each further command relative to the first.
    pub ratios: Vec<StartComparison>,
}

/// The options of a measurement of starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartRecord {
    /// Measured starts of each command.
    pub starts: u32,
    /// Discarded starts of each command before them.
    pub discarded: u32,
    /// Timeout of the first response in seconds.
    pub timeout_s: f64,
    /// Seed of the bootstrap.
    pub seed: u64,
}

/// The results of one command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartTarget {
    /// The name of the command.
    pub name: String,
    /// The command and its arguments.
    pub command: Vec<String>,
    /// The URL whose first response with status 200 ends a start.
    pub url: String,
    /// All starts together.
    pub summary: StartSummary,
    /// Each start, in order.
    pub starts: Vec<Start>,
}

/// One start. A part is missing if it was not reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// From just before `exec` to the last byte of the first response with status 200.
    pub total_ms: f64,
    /// From just before `exec` to the beginning of `main`, as the status URL reports it.
    pub process_start_ms: Option<f64>,
    /// Loading of the component, as the status URL reports it.
    pub component_load_ms: Option<f64>,
    /// Creation of the first instance, as `server-timing` reports it.
    pub instantiate_ms: Option<f64>,
    /// The request after the first response, which needs the model's weights.
    pub first_inference_ms: Option<f64>,
    /// Memory after that request, on Linux.
    pub memory: Option<MemoryUse>,
}

/// Memory of a process and its children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryUse {
    /// Resident pages. A page that several processes map counts for each of them.
    pub rss_bytes: u64,
    /// Resident pages, each divided by the number of processes that map it.
    pub pss_bytes: u64,
    /// Resident pages that no other process maps.
    pub private_bytes: u64,
}

/// The starts of one command together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartSummary {
    /// From `exec` to the first response, in milliseconds.
    pub total: Option<Spread>,
    /// From `exec` to `main`, in milliseconds.
    pub process_start: Option<Spread>,
    /// Loading the component, in milliseconds.
    pub component_load: Option<Spread>,
    /// Creating the first instance, in milliseconds.
    pub instantiate: Option<Spread>,
    /// The first inference with weights, in milliseconds.
    pub first_inference: Option<Spread>,
    /// Resident memory, in bytes.
    pub rss: Option<Spread>,
    /// Proportional memory, in bytes.
    pub pss: Option<Spread>,
    /// Private memory, in bytes.
    pub private: Option<Spread>,
}

/// A quantity over several starts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The number of starts that reported it.
    pub count: usize,
    /// The median.
    pub median: f64,
    /// The minimum.
    pub min: f64,
    /// The maximum.
    pub max: f64,
}

/// The ratios of the medians of two commands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartComparison {
    /// The command in the numerator.
    pub of: String,
    /// The command in the denominator.
    pub to: String,
    /// The units that the bootstrap draws.
    pub resampled: Resampled,
    /// Of the times from `exec` to the first response.
    pub total: Option<Ratio>,
    /// Of the loading times.
    pub component_load: Option<Ratio>,
    /// Of the first inferences.
    pub first_inference: Option<Ratio>,
    /// Of the resident memory.
    pub rss: Option<Ratio>,
    /// Of the proportional memory.
    pub pss: Option<Ratio>,
}
