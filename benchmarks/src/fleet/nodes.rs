use std::collections::VecDeque;

use rand::RngExt as _;
use rand::rngs::SmallRng;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Starting,
    Ready,
    /// Gets no more requests, and stops when it has answered those that it has.
    Draining,
    Stopped,
}

/// One server.
struct Node {
    state: State,
    /// Cores that compute.
    busy: usize,
    /// Arrival times of requests that wait for a core.
    queue: VecDeque<f64>,
    started_at: f64,
}

impl Node {
    fn load(&self) -> usize {
        self.busy + self.queue.len()
    }
}

/// All nodes, by their indices. The index of a node that has stopped is used again.
#[derive(Default)]
pub(super) struct Nodes {
    all: Vec<Node>,
    ready: Vec<usize>,
    stopped: Vec<usize>,
    starting: usize,
    node_seconds: f64,
    starts: u64,
    most: usize,
}

impl Nodes {
    /// A fleet with nodes that are ready.
    pub(super) fn ready(count: usize) -> Self {
        let mut nodes = Self::default();
        for _ in 0..count {
            let node = nodes.start(0.0);
            nodes.set_ready(node);
        }
        nodes.starts = 0;
        nodes
    }

    /// Starts a node; returns its index.
    pub(super) fn start(&mut self, now: f64) -> usize {
        let (state, queue) = (State::Starting, VecDeque::new());
        let node = Node { state, busy: 0, queue, started_at: now };
        self.starting += 1;
        self.starts += 1;
        self.most = self.most.max(self.count());
        match self.stopped.pop() {
            Some(index) => {
                self.all[index] = node;
                index
            }
            None => {
                self.all.push(node);
                self.all.len() - 1
            }
        }
    }

    pub(super) fn set_ready(&mut self, node: usize) {
        self.all[node].state = State::Ready;
        self.starting -= 1;
        self.ready.push(node);
    }

    /// Lets the node that became ready last drain.
    pub(super) fn stop_one(&mut self, now: f64) {
        if let Some(node) = self.ready.pop() {
            self.all[node].state = State::Draining;
            self.stop_if_drained(node, now);
        }
    }

    pub(super) fn stop_if_drained(&mut self, node: usize, now: f64) {
        let Node { state, started_at, .. } = self.all[node];
        if state == State::Draining && self.all[node].load() == 0 {
            self.all[node].state = State::Stopped;
            self.stopped.push(node);
            self.node_seconds += now - started_at;
        }
    }

    /// The less loaded of two random nodes that are ready ("power of two choices", Mitzenmacher, 2001).
    pub(super) fn choose(&self, random: &mut SmallRng) -> Option<usize> {
        if self.ready.is_empty() {
            return None;
        }
        let [one, other] = [(); 2].map(|()| self.ready[random.random_range(0..self.ready.len())]);
        Some(if self.all[other].load() < self.all[one].load() { other } else { one })
    }

    pub(super) fn busy(&mut self, node: usize) -> &mut usize {
        &mut self.all[node].busy
    }

    pub(super) fn queue(&mut self, node: usize) -> &mut VecDeque<f64> {
        &mut self.all[node].queue
    }

    pub(super) fn is_ready(&self, node: usize) -> bool {
        self.all[node].state == State::Ready
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Nodes that are ready or start.
    pub(super) fn count(&self) -> usize {
        self.ready.len() + self.starting
    }

    /// The largest [`count`](Self::count) so far.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Nodes that were started during the simulation.
    pub(super) fn starts(&self) -> u64 {
        self.starts
    }

    /// Seconds of all nodes from the beginning of their start until they stopped, or until `end`.
    pub(super) fn node_seconds(&self, end: f64) -> f64 {
        let running = self.all.iter().filter(|node| node.state != State::Stopped);
        self.node_seconds + running.map(|node| end - node.started_at).sum::<f64>()
    }
}
