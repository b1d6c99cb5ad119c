//! A discrete-event simulation of a fleet: nodes with cores and a queue, a balancer and an autoscaler.
//! Times are in seconds. The same scenario has the same outcome on every machine.

mod autoscaler;
mod events;
mod latencies;
mod load;
mod nodes;
mod simulation;
mod times;

#[cfg(test)]
mod tests;

pub(crate) use autoscaler::Scaling;
pub(crate) use latencies::Latencies;
pub(crate) use load::Load;
pub(crate) use simulation::simulate;
pub(crate) use times::Times;

/// A fleet and its load.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) load: Load,
    /// Requests arrive for this time; the simulation ends when all have been answered.
    pub(crate) seconds: f64,
    /// Requests that arrive earlier are not recorded.
    pub(crate) warm_up: f64,
    /// Cores of a node. Each request needs one.
    pub(crate) cores: usize,
    /// The time for which a request needs a core.
    pub(crate) service: Times,
    /// Nodes that are ready at the beginning.
    pub(crate) nodes: usize,
    /// Requests that can wait in a node; further ones are lost.
    pub(crate) queue: usize,
    /// Requests that have waited longer are lost: their clients have given up.
    pub(crate) timeout: f64,
    /// The time from the decision to start a node to its first request.
    pub(crate) start: Times,
    /// Without it, the number of nodes is constant.
    pub(crate) scaling: Option<Scaling>,
    /// A response that takes longer is slow.
    pub(crate) slow: f64,
}

impl Scenario {
    /// A queueing station: one node that is always ready, with a queue of any length, at which `rate` requests per
    /// second arrive for `seconds`.
    pub(crate) fn station(cores: usize, service: Times, rate: f64, seconds: f64) -> Self {
        Self {
            seed: 1,
            load: Load::Constant(rate),
            seconds,
            warm_up: 0.0,
            cores,
            service,
            nodes: 1,
            queue: usize::MAX,
            timeout: f64::INFINITY,
            start: Times::Constant(0.0),
            scaling: None,
            slow: f64::INFINITY,
        }
    }
}

/// What happened to the requests, and what the nodes cost.
pub(crate) struct Outcome {
    /// Requests that arrived.
    pub(crate) requests: u64,
    /// Requests that were answered.
    pub(crate) answered: u64,
    /// Requests that were not answered.
    pub(crate) lost: u64,
    /// Requests that waited until a node had started.
    pub(crate) waited: u64,
    /// The longest wait for a node that started.
    pub(crate) longest_wait: f64,
    /// Response times of answered requests after the warm-up.
    pub(crate) latencies: Latencies,
    /// The arrival of the last request that was slow or lost; 0 if there was none.
    pub(crate) slow_until: f64,
    /// Seconds of all nodes, including their starts.
    pub(crate) node_seconds: f64,
    /// Nodes that were started.
    pub(crate) starts: u64,
    /// The largest number of nodes that were ready or starting.
    pub(crate) most_nodes: usize,
    /// The end of the load or of the last answer.
    pub(crate) seconds: f64,
}
