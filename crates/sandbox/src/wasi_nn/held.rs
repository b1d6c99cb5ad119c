//! Graphs that an instance holds, and how much it has brought along for them.

use std::sync::Arc;

use pilotlight_inference::Graph;

/// Bytes of graphs that an instance may bring along and hold. Wasmtime ends a guest that hands over
/// more than 128 MiB in a call, which would say less than a refusal.
pub(super) const MOST_GRAPH_BYTES: usize = 100 << 20;
/// Each counts as so many at least: engines take memory for a graph, however small its file.
const LEAST_GRAPH_BYTES: usize = 1 << 20;

/// A graph that an instance holds.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) graph: Graph,
    /// What was brought along for it: counted once, however many hold it.
    bytes: Arc<usize>,
}

impl Held {
    /// One that the host has loaded.
    pub(super) fn named(graph: Graph) -> Self {
        Self { graph, bytes: Arc::default() }
    }
}

/// Bytes of graphs that an instance has brought along and holds.
#[derive(Default, Clone)]
pub(super) struct Brought(usize);

impl Brought {
    pub(super) fn has_room_for(&self, bytes: usize) -> bool {
        bytes.max(LEAST_GRAPH_BYTES) <= MOST_GRAPH_BYTES.saturating_sub(self.0)
    }

    /// Counts a graph whose file has `bytes` bytes.
    pub(super) fn hold(&mut self, graph: Graph, bytes: usize) -> Held {
        let bytes = bytes.max(LEAST_GRAPH_BYTES);
        self.0 = self.0.saturating_add(bytes);
        Held { graph, bytes: Arc::new(bytes) }
    }

    /// Counts a graph no longer when nothing of the instance holds it any more.
    pub(super) fn release(&mut self, held: Held) {
        let bytes = Arc::into_inner(held.bytes).unwrap_or_default();
        self.0 = self.0.saturating_sub(bytes);
    }
}
