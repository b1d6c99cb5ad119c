//! Runs a graph with named tensors as inputs and outputs, in the sandbox or on the host.
//! Used by `model` and `tasks`. Does not know texts, tasks or HTTP.

mod encoder;
mod padding;
mod tensor;
#[cfg(feature = "tract")]
mod tract;
#[cfg(all(feature = "wasi-nn", target_family = "wasm"))]
mod wasi_nn;

pub use encoder::{Encoder, Output, Sequence};
pub use padding::{Padded, Padding, groups, groups_of_any_lengths};
pub use tensor::{Element, Matrix, Port, Tensor, bytes_of};
#[cfg(feature = "tract")]
pub use tract::{Lowered, TractEngine};
#[cfg(all(feature = "wasi-nn", target_family = "wasm"))]
pub use wasi_nn::NnEngine;

/// A tensor and the name of the input or output that it belongs to.
pub type NamedTensor = (String, Tensor);

/// What computes a graph.
pub trait Engine: Send + Sync {
    /// The graph's inputs.
    fn inputs(&self) -> &[Port];

    /// The graph's outputs, in the order of [`Engine::run`].
    fn outputs(&self) -> &[Port];

    /// Computes all outputs from one tensor for each input, in the order of [`Engine::inputs`].
    ///
    /// # Errors
    /// What the engine said.
    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<NamedTensor>, EngineError>;

    /// Where it computes, as `GET /info` calls it.
    fn place(&self) -> &'static str;
}

/// Numbers that the sandbox computes products in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// Weights in 8 bits.
    Int8,
    /// Weights in 4 bits where the file has them so, in 8 elsewhere.
    Int4,
}

/// Where a model is computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// In the sandbox.
    Guest(Precision),
    /// By the host.
    Host(HostGraph),
}

impl Default for Placement {
    fn default() -> Self {
        Self::Guest(Precision::default())
    }
}

/// A graph that the host computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostGraph {
    /// What `wasi:nn` knows it by.
    pub name: String,
    /// Its inputs.
    pub inputs: Vec<Port>,
    /// Its outputs.
    pub outputs: Vec<Port>,
    /// Sequences are padded to multiples of so many tokens, where an attention mask takes the
    /// padding out.
    pub pad_to_multiple_of: usize,
    /// Most sequences that are computed at once.
    pub rows: usize,
    /// Sequences are padded to so many tokens, where the graph reads no others.
    pub length: Option<usize>,
    /// Rows of the token embedding, where the graph tells.
    pub vocabulary: Option<usize>,
    /// Whether sequences of different lengths can be computed at once: an attention mask takes their
    /// padding out before anything is computed of it.
    pub any_lengths: bool,
    /// Other graphs of the model.
    pub beside: Vec<HostGraph>,
}

/// Why nothing is computed now, and when to ask again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; try again in {seconds} s")]
pub struct Later {
    /// What is in the way.
    pub reason: String,
    /// Until it should be out of the way.
    pub seconds: u32,
}

/// Nothing was computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The engine failed on it.
    #[error("inference failed: {0}")]
    Failed(String),
    /// Too many others wait for the host.
    #[error("{0}")]
    Busy(Later),
    /// The host cannot compute, and soon will.
    #[error("{0}")]
    Unavailable(Later),
}
