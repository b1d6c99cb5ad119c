//! How calls are queued, and why a batch has the calls that it has.

use std::time::Duration;

use pilotlight_onnx::Precision;
use serde::Serialize;

use crate::backend::{EngineKind, LoadOptions};

/// Options of queue and batches of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct GraphOptions {
    /// Maximum number of rows in a batch. A call with more rows is computed in parts, one after the
    /// other, unless its rows depend on each other. Where calls of different shapes share a batch,
    /// `max_tokens` counts instead, unless this is 1.
    pub max_batch: u32,
    /// Maximum number of tokens in a batch of calls of different shapes. A longer text is computed
    /// by itself, a longer call in parts.
    pub max_tokens: u32,
    /// Maximum time for which a computation waits for others to join its batch. With zero, a batch
    /// consists of the calls that arrived while others were running.
    pub max_wait: Duration,
    /// Maximum number of batches that run concurrently; 0 means one per thread.
    pub concurrency: usize,
    /// Maximum number of queued computations; further ones are refused at once.
    pub queue: usize,
    /// Whether rows of different callers are computed as one batch.
    pub batch_rows: BatchRows,
    /// Numbers that products are computed in, where the backend packs their weights.
    pub precision: Precision,
    /// Engine that was measured to be fastest, for a backend that delegates graphs to other
    /// engines.
    pub engine: Option<EngineKind>,
}

impl GraphOptions {
    /// How the backend loads it.
    pub(crate) fn loading(&self) -> LoadOptions {
        LoadOptions { engine: self.engine, ..self.precision.into() }
    }
}

/// Whether rows of different callers are computed as one batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BatchRows {
    /// If the structure of the graph shows that no row influences another one.
    #[default]
    Auto,
    /// Wherever shapes allow it: somebody who knows the graph says that its rows are independent.
    Always,
    /// Never.
    Never,
}

impl Default for GraphOptions {
    fn default() -> Self {
        Self {
            max_batch: 8,
            // Kernels gain nothing by more: a batch would only last longer.
            max_tokens: 192,
            max_wait: Duration::ZERO,
            concurrency: 0,
            queue: 512,
            batch_rows: BatchRows::Auto,
            precision: Precision::F32,
            engine: None,
        }
    }
}

/// Reason why no more computations were added to a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// The batch has the maximum number of rows.
    Full,
    /// No other computation in the queue fits.
    Drained,
    /// The oldest computation had waited long enough.
    Waited,
    /// The others are left to threads that have nothing to do.
    Shared,
    /// The computation cannot share a batch.
    Single,
    /// It ran between the stages of a longer batch, whose size limits it.
    Interleaved,
}

impl Closed {
    /// All reasons, in the order in which they are counted.
    pub const ALL: [Self; 6] =
        [Self::Full, Self::Drained, Self::Waited, Self::Shared, Self::Single, Self::Interleaved];

    /// Name in status and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Drained => "drained",
            Self::Waited => "waited",
            Self::Shared => "shared",
            Self::Single => "single",
            Self::Interleaved => "interleaved",
        }
    }
}
