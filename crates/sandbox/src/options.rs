use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pilotlight_inference::{GraphOptions, Graphs};

/// Instances kept ready by default.
const MIN_READY: u32 = 4;
const MAX_INSTANCES: u32 = 4096;
const MAX_CONCURRENT_REQUESTS: u32 = 1024;
const MIN_DURATION: Duration = Duration::from_millis(1);
const MAX_DURATION: Duration = Duration::from_secs(24 * 60 * 60);
const MIN_MEMORY: usize = 1 << 16;
/// A 32-bit sandbox cannot address more.
const MAX_MEMORY: usize = 4 << 30;

/// Limits and capabilities of an instance.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct InstanceOptions {
    /// Maximum CPU time of a request; without it, only the deadline of the request limits it. It
    /// starts anew with each request of an instance.
    pub cpu_time: Option<Duration>,
    /// Maximum linear memory of an instance, all its memories together, in bytes.
    pub memory_limit: usize,
    /// Folder that a component which is not pre-initialized finds at `/model`, read-only.
    pub model: Option<PathBuf>,
    /// Graphs that instances may compute through `wasi:nn`.
    pub graphs: Option<Arc<Graphs>>,
    /// Options of queue and batches of the component's own graph.
    pub graph: GraphOptions,
    /// Whether instances may load graphs that they bring along.
    pub guest_graphs: bool,
    /// Duration of a session's data that is computed at once, for components with sessions: a
    /// computation is due when the next one can begin.
    pub period: Option<Duration>,
    /// Whether instances see the host's clocks to the nanosecond. Otherwise their resolution is a
    /// tenth of a millisecond, which tells little of what others do.
    pub fine_clocks: bool,
}

/// Options of an instance pool.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PoolOptions {
    /// Minimum number of ready instances; the pool keeps more after bursts. At most
    /// `max_instances`, which also limits the default of 4.
    pub min_ready: u32,
    /// Maximum number of live instances; further requests wait.
    pub max_instances: u32,
    /// Requests that an instance answers before it ends; 0 is no limit. With 1, the default, no
    /// request can see anything of another.
    pub requests_per_instance: u32,
    /// Requests that an instance answers at once. They share its fate: a trap or a timeout of
    /// one ends them all. A further one starts while the instance waits, not while it computes.
    pub concurrent_requests_per_instance: u32,
    /// Ready instances that were not needed for this long are ended.
    pub idle_shrink: Duration,
}

impl Default for InstanceOptions {
    fn default() -> Self {
        Self {
            cpu_time: None,
            memory_limit: 1 << 30,
            model: None,
            graphs: None,
            graph: GraphOptions::default(),
            guest_graphs: false,
            period: None,
            fine_clocks: false,
        }
    }
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            min_ready: MIN_READY,
            max_instances: 128,
            requests_per_instance: 1,
            concurrent_requests_per_instance: 1,
            idle_shrink: Duration::from_secs(10),
        }
    }
}

impl InstanceOptions {
    /// Checks the ranges.
    ///
    /// # Errors
    /// A sentence that names the option and its range.
    pub fn check(&self) -> Result<(), String> {
        let durations = MIN_DURATION..=MAX_DURATION;
        if self.cpu_time.is_some_and(|time| !durations.contains(&time)) {
            return Err(format!("cpu_time must be {MIN_DURATION:?} to {MAX_DURATION:?}"));
        }
        if !(MIN_MEMORY..=MAX_MEMORY).contains(&self.memory_limit) {
            return Err(format!("memory_limit must be {MIN_MEMORY} to {MAX_MEMORY} bytes"));
        }
        Ok(())
    }
}

impl PoolOptions {
    /// Requests that all instances together can take at once.
    pub fn capacity(&self) -> usize {
        self.max_instances as usize * self.concurrent_requests_per_instance as usize
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// A sentence that names the option and its range.
    pub fn check(&self) -> Result<(), String> {
        if !(1..=MAX_INSTANCES).contains(&self.max_instances) {
            return Err(format!("max_instances must be 1 to {MAX_INSTANCES}"));
        }
        let most = self.max_instances;
        if self.min_ready != MIN_READY && self.min_ready > most {
            return Err(format!("min_ready must be at most max_instances, {most}"));
        }
        let concurrency = self.concurrent_requests_per_instance;
        if !(1..=MAX_CONCURRENT_REQUESTS).contains(&concurrency) {
            return Err(format!(
                "concurrent_requests_per_instance must be 1 to {MAX_CONCURRENT_REQUESTS}"
            ));
        }
        let requests = self.requests_per_instance;
        if requests != 0 && requests < concurrency {
            return Err(format!(
                "concurrent_requests_per_instance must be at most requests_per_instance, {requests}"
            ));
        }
        if !(MIN_DURATION..=MAX_DURATION).contains(&self.idle_shrink) {
            return Err(format!("idle_shrink must be {MIN_DURATION:?} to {MAX_DURATION:?}"));
        }
        Ok(())
    }
}
