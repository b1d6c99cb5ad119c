//! How calls are queued, and why a batch has the calls that it has.

use std::time::Duration;

use pilotlight_onnx::Precision;
use serde::Serialize;

use crate::backend::{EngineKind, LoadOptions};

/// How a graph's computations are queued and put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct GraphOptions {
    /// Most rows that are run together. A call that has more is computed in parts, one after the
    /// other, unless its rows depend on each other. Where calls of any shapes are run together, `max_tokens`
    /// counts instead, unless this is 1.
    pub max_batch: u32,
    /// Most tokens that are run together where calls of any shapes are. A text that has more is computed by itself, a
    /// call in parts.
    pub max_tokens: u32,
    /// How long the oldest computation is kept waiting for others to join it. With zero a batch
    /// is what has come while others were running.
    pub max_wait: Duration,
    /// Most batches that run at once; 0 stands for as many as there are threads.
    pub concurrency: usize,
    /// Most computations that wait; further ones are refused at once.
    pub queue: usize,
    /// Whether rows of different callers are computed as one batch.
    pub batch_rows: BatchRows,
    /// Numbers that products are computed in, where the backend packs their weights.
    pub precision: Precision,
    /// What computes it best, as somebody has measured, where the backend leaves graphs to others.
    pub engine: Option<EngineKind>,
}

impl GraphOptions {
    /// How the backend loads it.
    pub(crate) fn loading(&self) -> LoadOptions {
        LoadOptions { precision: self.precision, engine: self.engine }
    }
}

/// Whether rows of different callers are computed as one batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BatchRows {
    /// Where the graph's structure shows that no row has an influence on another.
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

/// Why no more computations were added to a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// It had as many rows as it may.
    Full,
    /// Nothing else that fits was waiting.
    Drained,
    /// The oldest computation had waited long enough.
    Waited,
    /// The others are left to threads that have nothing to do.
    Shared,
    /// It cannot be run with others.
    Single,
    /// It ran between the stages of a longer batch, and is no larger than that allows.
    Interleaved,
}

impl Closed {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Self; 6] =
        [Self::Full, Self::Drained, Self::Waited, Self::Shared, Self::Single, Self::Interleaved];

    /// What it is called in status and metrics.
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
