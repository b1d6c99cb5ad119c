use serde::{Deserialize, Serialize};

use super::{Machine, Ratio, Resampled};

/// How long commands take from `exec` to their first answer, in parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartReport {
    /// Always `start`.
    pub verb: String,
    /// The version of this tool.
    pub pilotlight_bench: String,
    /// Where it ran.
    pub machine: Machine,
    /// What was asked for.
    pub scenario: StartRecord,
    /// The commands in the order they were named.
    pub targets: Vec<StartTarget>,
    /// Each further command against the first.
    pub ratios: Vec<StartComparison>,
}

/// The options that a measurement of starts depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartRecord {
    /// Starts of each command that are reported.
    pub starts: u32,
    /// Starts of each command before them that are not.
    pub discarded: u32,
    /// How long a command may take to its first answer, in seconds.
    pub timeout_s: f64,
    /// Seed of the resampling.
    pub seed: u64,
}

/// What was measured of one command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartTarget {
    /// What the command is called.
    pub name: String,
    /// The command and its arguments.
    pub command: Vec<String>,
    /// The address whose first 200 ends a start.
    pub url: String,
    /// All starts together.
    pub summary: StartSummary,
    /// Each start, in order.
    pub starts: Vec<Start>,
}

/// One start. A part is missing when nothing reported it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// From just before `exec` to the last byte of the first 200.
    pub total_ms: f64,
    /// From just before `exec` to the beginning of `main`, as the status address reports it.
    pub process_start_ms: Option<f64>,
    /// The component's loading, as the status address reports it.
    pub component_load_ms: Option<f64>,
    /// The making of the first instance, as `server-timing` reports it.
    pub instantiate_ms: Option<f64>,
    /// The request sent after the first 200, which needs the model's weights.
    pub first_inference_ms: Option<f64>,
    /// Memory after that request, on Linux.
    pub memory: Option<MemoryUse>,
}

/// Memory of a process and its children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryUse {
    /// Resident pages; those that several processes map count for each.
    pub rss_bytes: u64,
    /// Resident pages, each divided by the number of processes that map it.
    pub pss_bytes: u64,
    /// Resident pages that nobody else maps.
    pub private_bytes: u64,
}

/// The starts of one command together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartSummary {
    /// From `exec` to the first 200, in milliseconds.
    pub total: Option<Spread>,
    /// From `exec` to `main`, in milliseconds.
    pub process_start: Option<Spread>,
    /// Loading the component, in milliseconds.
    pub component_load: Option<Spread>,
    /// Making the first instance, in milliseconds.
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
    /// How many starts reported it.
    pub count: usize,
    /// The median.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

/// One command divided by another, by their medians.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartComparison {
    /// The command above the line.
    pub of: String,
    /// The command below it.
    pub to: String,
    /// What the intervals are resampled from.
    pub resampled: Resampled,
    /// Of the times from `exec` to the first 200.
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
