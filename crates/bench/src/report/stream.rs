use serde::{Deserialize, Serialize};

use super::Machine;

/// Frames of audio that are sent in real time over a number of connections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamReport {
    /// Always `stream`.
    pub verb: String,
    /// The version of this tool.
    pub pilotlight_bench: String,
    /// The machine.
    pub machine: Machine,
    /// The options of all steps.
    pub scenario: StreamRecord,
    /// The targets in the order of the options.
    pub targets: Vec<StreamTarget>,
}

/// The options of a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamRecord {
    /// `http` or `websocket`.
    pub protocol: String,
    /// Measured time of each step, in seconds.
    pub duration_s: f64,
    /// Time before it, in seconds.
    pub warm_up_s: f64,
    /// How much faster than it lasts audio is sent.
    pub speed: f64,
    /// Length of a frame in milliseconds.
    pub frame_ms: f64,
}

/// The results of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamTarget {
    /// The name of the target.
    pub name: String,
    /// The URL of sessions.
    pub url: String,
    /// The steps in the order of the options.
    pub steps: Vec<StreamStep>,
}

/// One target with one number of connections.
///
/// Latency is the time from when the last byte of a frame was due to be sent, whether it was or not, to its
/// answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamStep {
    /// Connections.
    pub connections: usize,
    /// Connections that could not be opened, or broke off.
    pub broken: usize,
    /// Frames that were due.
    pub frames: u64,
    /// Frames without an answer.
    pub lost: u64,
    /// Frames whose answer came later than the next frame was due.
    pub late: u64,
    /// Answers a second.
    pub frames_per_second: f64,
    /// Seconds of audio that were answered in a second.
    pub real_time_factor: f64,
    /// Median latency.
    pub p50_ms: f64,
    /// 90th percentile.
    pub p90_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// 99.9th percentile.
    pub p99_9_ms: f64,
    /// The maximum.
    pub max_ms: f64,
    /// Cores that the server's process was busy with, where its process is known.
    pub busy_cores: Option<f64>,
    /// Resident memory of the process at the end, in bytes.
    pub resident_bytes: Option<u64>,
    /// Pairs of quantile and latency; the last is the maximum.
    pub percentiles: Vec<(f64, f64)>,
}
