use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pilotlight_bundle::Policy;
use pilotlight_model::Digest;
use pilotlight_sandbox::{InstanceOptions, PoolOptions};

use crate::request::SessionLimits;

const SHORTEST_PERIOD: Duration = Duration::from_millis(1);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
const MOST_REQUESTS: u32 = 1 << 20;
const MOST_SESSIONS: u32 = 1 << 16;
const FEWEST_BYTES_BEHIND: usize = 4 << 10;

/// Options of a function.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FunctionOptions {
    /// Instance pool.
    pub pool: PoolOptions,
    /// Limits and capabilities of each instance.
    pub instance: InstanceOptions,
    /// Maximum time from the arrival of a request to its response.
    pub request_timeout: Duration,
    /// Maximum size of a request body, in bytes.
    pub body_limit: usize,
    /// Requests that are worked on at once; further ones wait in a queue. Two for each core unless
    /// told where a model computes in the sandbox, as many as the instances can take elsewhere, and
    /// nowhere more than that.
    pub concurrent_requests: Option<u32>,
    /// Requests that may wait; further ones are refused.
    pub queue: u32,
    /// Maximum time of a request in the queue, for admission and for an instance; a request that
    /// would wait longer is refused at once.
    pub queue_deadline: Duration,
    /// Sessions that may go on at once; further ones are refused. Their instances are not among those of
    /// `pool`.
    pub max_sessions: u32,
    /// Limits of each session.
    pub session: SessionLimits,
    /// Tell in a `server-timing` header where the time of each request went.
    pub server_timing: bool,
    /// SHA-256 of the files that `instance.graphs` were loaded from, by their names: with another file the
    /// function is another version.
    pub graph_files: BTreeMap<String, Digest>,
    /// Requirement for components before they are served. Model folders have digests of their own,
    /// and no signature.
    pub require: Option<Arc<Policy>>,
}

impl Default for FunctionOptions {
    fn default() -> Self {
        Self {
            pool: PoolOptions::default(),
            instance: InstanceOptions::default(),
            request_timeout: Duration::from_secs(120),
            body_limit: 8 << 20,
            concurrent_requests: None,
            queue: 256,
            queue_deadline: Duration::from_secs(1),
            max_sessions: 256,
            session: SessionLimits::default(),
            server_timing: false,
            graph_files: BTreeMap::new(),
            require: None,
        }
    }
}

impl FunctionOptions {
    /// Refuses what no host can honor.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.pool.check()?;
        self.instance.check()?;
        if self.request_timeout.is_zero() || self.request_timeout > LONGEST_TIMEOUT {
            return Err(format!("request_timeout must be above 0 and at most {LONGEST_TIMEOUT:?}"));
        }
        if self.queue_deadline < SHORTEST_PERIOD || self.queue_deadline > LONGEST_TIMEOUT {
            return Err(format!(
                "queue_deadline must be {SHORTEST_PERIOD:?} to {LONGEST_TIMEOUT:?}"
            ));
        }
        self.check_sessions()?;
        if self.concurrent_requests.is_some_and(|most| !(1..=MOST_REQUESTS).contains(&most)) {
            return Err(format!("concurrent_requests must be 1 to {MOST_REQUESTS}"));
        }
        let room = self.pool.capacity();
        if self.concurrent_requests.is_some_and(|most| most as usize > room) {
            return Err(format!(
                "concurrent_requests must be at most max_instances times \
                 concurrent_requests_per_instance, {room}"
            ));
        }
        Ok(())
    }
}

impl FunctionOptions {
    fn check_sessions(&self) -> Result<(), String> {
        let SessionLimits { idle, behind, length, patience } = self.session;
        if !(1..=MOST_SESSIONS).contains(&self.max_sessions) {
            return Err(format!("max_sessions must be 1 to {MOST_SESSIONS}"));
        }
        for (name, time) in
            [("session.idle", idle), ("session.length", length), ("session.patience", patience)]
        {
            if !(SHORTEST_PERIOD..=LONGEST_TIMEOUT).contains(&time) {
                return Err(format!("{name} must be {SHORTEST_PERIOD:?} to {LONGEST_TIMEOUT:?}"));
            }
        }
        if behind < FEWEST_BYTES_BEHIND {
            return Err(format!("session.behind must be at least {FEWEST_BYTES_BEHIND} bytes"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_be_honored() {
        FunctionOptions::default().check().unwrap();
    }

    #[test]
    fn each_option_out_of_range_is_refused_by_name() {
        let refused = |change: fn(&mut FunctionOptions), name: &str| {
            let mut options = FunctionOptions::default();
            change(&mut options);
            assert!(options.check().unwrap_err().contains(name), "{name}");
        };
        refused(|options| options.pool.max_instances = 0, "max_instances");
        refused(|options| options.pool.max_instances = u32::MAX, "max_instances");
        let set = |options: &mut FunctionOptions| {
            (options.pool.min_ready, options.pool.max_instances) = (10, 5);
        };
        refused(set, "min_ready");
        let mut small = FunctionOptions::default();
        small.pool.max_instances = 1;
        assert_eq!(small.check(), Ok(()), "the default goes with every maximum");
        let name = "concurrent_requests_per_instance";
        refused(|options| options.pool.concurrent_requests_per_instance = 0, name);
        refused(|options| options.pool.concurrent_requests_per_instance = u32::MAX, name);
        refused(
            |options| options.pool.concurrent_requests_per_instance = 2,
            "requests_per_instance",
        );
        refused(|options| options.pool.idle_shrink = Duration::ZERO, "idle_shrink");
        refused(|options| options.pool.idle_shrink = Duration::MAX, "idle_shrink");
        refused(|options| options.request_timeout = Duration::ZERO, "request_timeout");
        refused(|options| options.request_timeout = Duration::MAX, "request_timeout");
        refused(|options| options.instance.cpu_time = Some(Duration::ZERO), "cpu_time");
        refused(|options| options.queue_deadline = Duration::ZERO, "queue_deadline");
        refused(|options| options.concurrent_requests = Some(0), "concurrent_requests");
        refused(|options| options.max_sessions = 0, "max_sessions");
        refused(|options| options.session.idle = Duration::ZERO, "session.idle");
        refused(|options| options.session.length = Duration::MAX, "session.length");
        refused(|options| options.session.patience = Duration::ZERO, "session.patience");
        refused(|options| options.session.behind = 0, "session.behind");
        refused(|options| options.concurrent_requests = Some(129), "max_instances");
        refused(|options| options.instance.memory_limit = 0, "memory_limit");
        refused(|options| options.instance.memory_limit = usize::MAX, "memory_limit");
    }
}
