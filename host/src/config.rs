use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pilotlight_bundle::Policy;
use pilotlight_inference::{GraphOptions, Graphs};
use pilotlight_model::Digest;

const MOST_INSTANCES: u32 = 4096;
/// Instances kept ready unless told.
const READY: u32 = 4;
const MOST_CONCURRENT: u32 = 1024;
const SHORTEST_PERIOD: Duration = Duration::from_millis(1);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
const MOST_REQUESTS: u32 = 1 << 20;
/// A 32-bit sandbox cannot address more.
const LARGEST_MEMORY: usize = 4 << 30;

/// How a function is run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Fewest instances that are kept ready; more when requests come in bursts. At most
    /// `max_instances`; of the default, as far as that allows.
    pub min_ready: u32,
    /// Most instances alive at once; further requests wait for one to end.
    pub max_instances: u32,
    /// Requests that an instance answers before it ends; 0 is no limit. With 1, the default, no
    /// request can see anything of another.
    pub requests_per_instance: u32,
    /// Requests that an instance answers at once. They share its fate: a trap or a timeout of
    /// one ends them all. A further one starts while the instance waits, not while it computes.
    pub concurrent_requests_per_instance: u32,
    /// Instances that nobody needed for so long are not kept ready any more.
    pub idle_shrink: Duration,
    /// Longest time from the arrival of a request to its response.
    pub request_timeout: Duration,
    /// Most processor time for a request; without a limit, `request_timeout` is what ends it. An
    /// instance that has several requests begins anew with each.
    pub cpu_time: Option<Duration>,
    /// Most linear memory an instance may have, in bytes: all of its memories together.
    pub memory_limit: usize,
    /// Longest body of a request, in bytes.
    pub body_limit: usize,
    /// Requests that are worked on at once; further ones wait in a queue. Two for each core unless
    /// told where a model computes in the sandbox, as many as the instances can take elsewhere, and
    /// nowhere more than that.
    pub concurrent_requests: Option<u32>,
    /// Requests that may wait; further ones are refused.
    pub queue: u32,
    /// Longest time that a request may wait, for its turn and for an instance; it is refused at
    /// once when it is going to be longer.
    pub queue_deadline: Duration,
    /// Tell in a `server-timing` header where the time of each request went.
    pub server_timing: bool,
    /// Folder that a component which is not pre-initialised finds at `/model`, read-only.
    pub model: Option<PathBuf>,
    /// Graphs that instances may compute through `wasi:nn`.
    pub graphs: Option<Arc<Graphs>>,
    /// SHA-256 of the files that `graphs` were loaded from, by their names: with another file the
    /// function is another version.
    pub graph_files: BTreeMap<String, Digest>,
    /// How calls of the graph beside a component are queued and put together.
    pub graph: GraphOptions,
    /// What a component has to show before it is served. Model folders have digests of their own, and
    /// no signature.
    pub require: Option<Arc<Policy>>,
    /// Whether instances may load graphs that they bring along.
    pub guest_graphs: bool,
    /// Whether instances see the host's clocks as they are, to the nanosecond; those of a tenth of a
    /// millisecond otherwise, which tell little of what others do.
    pub fine_clocks: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            min_ready: READY,
            max_instances: 128,
            requests_per_instance: 1,
            concurrent_requests_per_instance: 1,
            idle_shrink: Duration::from_secs(10),
            request_timeout: Duration::from_secs(120),
            cpu_time: None,
            memory_limit: 1 << 30,
            body_limit: 8 << 20,
            concurrent_requests: None,
            queue: 256,
            queue_deadline: Duration::from_secs(1),
            server_timing: false,
            model: None,
            graphs: None,
            graph_files: BTreeMap::new(),
            graph: GraphOptions::default(),
            require: None,
            guest_graphs: false,
            fine_clocks: false,
        }
    }
}

impl Options {
    /// Refuses what no host can honour.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !(1..=MOST_INSTANCES).contains(&self.max_instances) {
            return Err(format!("max_instances must be 1 to {MOST_INSTANCES}"));
        }
        let most = self.max_instances;
        if self.min_ready != READY && self.min_ready > most {
            return Err(format!("min_ready must be at most max_instances, {most}"));
        }
        let concurrency = self.concurrent_requests_per_instance;
        if !(1..=MOST_CONCURRENT).contains(&concurrency) {
            return Err(format!("concurrent_requests_per_instance must be 1 to {MOST_CONCURRENT}"));
        }
        let requests = self.requests_per_instance;
        if requests != 0 && requests < concurrency {
            return Err(format!(
                "concurrent_requests_per_instance must be at most requests_per_instance, {requests}"
            ));
        }
        if self.idle_shrink < SHORTEST_PERIOD || self.idle_shrink > LONGEST_TIMEOUT {
            return Err(format!("idle_shrink must be {SHORTEST_PERIOD:?} to {LONGEST_TIMEOUT:?}"));
        }
        if self.request_timeout.is_zero() || self.request_timeout > LONGEST_TIMEOUT {
            return Err(format!("request_timeout must be above 0 and at most {LONGEST_TIMEOUT:?}"));
        }
        if self.cpu_time.is_some_and(|time| time < SHORTEST_PERIOD || time > LONGEST_TIMEOUT) {
            return Err(format!("cpu_time must be {SHORTEST_PERIOD:?} to {LONGEST_TIMEOUT:?}"));
        }
        if self.queue_deadline < SHORTEST_PERIOD || self.queue_deadline > LONGEST_TIMEOUT {
            return Err(format!(
                "queue_deadline must be {SHORTEST_PERIOD:?} to {LONGEST_TIMEOUT:?}"
            ));
        }
        if self.concurrent_requests.is_some_and(|most| !(1..=MOST_REQUESTS).contains(&most)) {
            return Err(format!("concurrent_requests must be 1 to {MOST_REQUESTS}"));
        }
        let room = self.max_instances * concurrency;
        if self.concurrent_requests.is_some_and(|most| most > room) {
            return Err(format!(
                "concurrent_requests must be at most max_instances times \
                 concurrent_requests_per_instance, {room}"
            ));
        }
        if !(1 << 16..=LARGEST_MEMORY).contains(&self.memory_limit) {
            return Err(format!("memory_limit must be 65536 to {LARGEST_MEMORY} bytes"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_be_honoured() {
        Options::default().check().unwrap();
    }

    #[test]
    fn each_option_out_of_range_is_refused_by_name() {
        let refused = |change: fn(&mut Options), name: &str| {
            let mut options = Options::default();
            change(&mut options);
            assert!(options.check().unwrap_err().contains(name), "{name}");
        };
        refused(|options| options.max_instances = 0, "max_instances");
        refused(|options| options.max_instances = u32::MAX, "max_instances");
        refused(|options| (options.min_ready, options.max_instances) = (10, 5), "min_ready");
        let small = Options { max_instances: 1, ..Options::default() };
        assert_eq!(small.check(), Ok(()), "the default goes with every maximum");
        let name = "concurrent_requests_per_instance";
        refused(|options| options.concurrent_requests_per_instance = 0, name);
        refused(|options| options.concurrent_requests_per_instance = u32::MAX, name);
        refused(|options| options.concurrent_requests_per_instance = 2, "requests_per_instance");
        refused(|options| options.idle_shrink = Duration::ZERO, "idle_shrink");
        refused(|options| options.idle_shrink = Duration::MAX, "idle_shrink");
        refused(|options| options.request_timeout = Duration::ZERO, "request_timeout");
        refused(|options| options.request_timeout = Duration::MAX, "request_timeout");
        refused(|options| options.cpu_time = Some(Duration::ZERO), "cpu_time");
        refused(|options| options.queue_deadline = Duration::ZERO, "queue_deadline");
        refused(|options| options.concurrent_requests = Some(0), "concurrent_requests");
        refused(|options| options.concurrent_requests = Some(129), "max_instances");
        refused(|options| options.memory_limit = 0, "memory_limit");
        refused(|options| options.memory_limit = usize::MAX, "memory_limit");
    }
}
