use std::collections::VecDeque;

/// When nodes are started and stopped: by the mean number of requests in the fleet, as Knative's autoscaler
/// does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scaling {
    /// Seconds between two decisions.
    pub(crate) interval: f64,
    /// Requests per core that the fleet should have.
    pub(crate) target: f64,
    /// Minimum number of nodes; with 0, an idle fleet has none.
    pub(crate) least: usize,
    /// Maximum number of nodes.
    pub(crate) most: usize,
    /// Seconds for which fewer nodes have to be enough before nodes are stopped.
    pub(crate) stabilization: f64,
}

impl Scaling {
    /// The number of nodes for this number of requests in the fleet.
    pub(super) fn nodes_for(&self, requests: f64, cores: usize) -> usize {
        let nodes = (requests / (self.target * cores as f64)).ceil() as usize;
        nodes.clamp(self.least, self.most)
    }
}

/// Recent decisions.
pub(super) struct Autoscaler {
    scaling: Scaling,
    /// Times of decisions and numbers of nodes, within the stabilization time.
    decisions: VecDeque<(f64, usize)>,
    /// The integral of the number of requests since the last decision, up to `counted_at`.
    request_seconds: f64,
    counted_at: f64,
}

impl Autoscaler {
    pub(super) fn new(scaling: Scaling) -> Self {
        Self { scaling, decisions: VecDeque::new(), request_seconds: 0.0, counted_at: 0.0 }
    }

    pub(super) fn scaling(&self) -> &Scaling {
        &self.scaling
    }

    /// Counts `requests` that were in the fleet until now.
    pub(super) fn count(&mut self, requests: u64, now: f64) {
        self.request_seconds += requests as f64 * (now - self.counted_at);
        self.counted_at = now;
    }

    /// The number of nodes that the fleet should have.
    pub(super) fn decide(&mut self, now: f64, cores: usize) -> usize {
        let mean = self.request_seconds / self.scaling.interval;
        self.request_seconds = 0.0;
        self.decisions.push_back((now, self.scaling.nodes_for(mean, cores)));
        let oldest = now - self.scaling.stabilization;
        while self.decisions.front().is_some_and(|(at, _)| *at < oldest) {
            self.decisions.pop_front();
        }
        self.decisions.iter().map(|(_, nodes)| *nodes).max().unwrap_or(self.scaling.least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_nodes_come_at_once_and_fewer_after_the_stabilization_time() {
        let (interval, stabilization) = (2.0, 6.0);
        let scaling = Scaling { interval, target: 0.5, least: 0, most: 10, stabilization };
        let mut autoscaler = Autoscaler::new(scaling);
        let decisions = [4, 8, 0, 0, 0, 0].into_iter().enumerate().map(|(index, requests)| {
            let now = (index + 1) as f64 * interval;
            autoscaler.count(requests, now);
            autoscaler.decide(now, 2)
        });
        assert_eq!(decisions.collect::<Vec<_>>(), [4, 8, 8, 8, 8, 0]);
    }

    #[test]
    fn the_number_of_nodes_is_limited() {
        let (interval, stabilization) = (2.0, 6.0);
        let scaling = Scaling { interval, target: 0.5, least: 2, most: 10, stabilization };
        assert_eq!(
            [0.0, 3.0, 4.1, 99.0].map(|requests| scaling.nodes_for(requests, 2)),
            [2, 3, 5, 10]
        );
    }
}
