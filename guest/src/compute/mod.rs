//! Where the matrix work is done.

pub mod padding;
#[cfg(feature = "tract")]
mod tract;
#[cfg(all(feature = "wasi-nn", target_family = "wasm"))]
mod wasi_nn;

#[cfg(feature = "tract")]
pub use tract::TractCompute;
#[cfg(all(feature = "wasi-nn", target_family = "wasm"))]
pub use wasi_nn::NnCompute;

use crate::api::Later;
use crate::tensor::Logits;

/// A model that gives each token of a sequence a score for each label.
pub trait Compute: Send + Sync {
    /// Label scores of one sequence, special tokens included.
    ///
    /// # Errors
    /// What the engine said.
    fn logits(&self, sequence: &Sequence) -> Result<Logits, ComputeError>;

    /// Label scores of several sequences, in their order; computed together where that is faster.
    ///
    /// # Errors
    /// As [`Compute::logits`].
    fn all_logits(&self, sequences: &[Sequence]) -> Result<Vec<Logits>, ComputeError> {
        sequences.iter().map(|sequence| self.logits(sequence)).collect()
    }

    /// Number of labels, the columns of [`Compute::logits`].
    fn labels(&self) -> usize;

    /// Rows of the token embedding, where the model tells.
    fn vocabulary(&self) -> Option<usize>;

    /// Numbers the positions of tokens from `first` on; graphs that have no such input do so
    /// themselves.
    fn number_positions_from(&mut self, first: i64) {
        let _ = first;
    }

    /// Where it computes, as `GET /info` calls it.
    fn place(&self) -> &'static str;
}

/// Token ids and segment ids of one sequence, of the same length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sequence {
    /// Vocabulary indices.
    pub ids: Vec<i64>,
    /// Segment of each token.
    pub type_ids: Vec<i64>,
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
    /// Names of its inputs.
    pub inputs: Vec<String>,
    /// Sequences are padded to multiples of so many tokens, where an attention mask takes the
    /// padding out.
    pub pad_to_multiple_of: usize,
    /// Most sequences that are computed at once.
    pub rows: usize,
    /// Sequences are padded to so many tokens, where the graph reads no others.
    pub length: Option<usize>,
    /// Rows of the token embedding, where the graph tells.
    pub vocabulary: Option<usize>,
}

/// Inputs that an encoder can have, all i64 `[1, S]`.
const KNOWN_INPUTS: [&str; 4] = ["input_ids", "attention_mask", "token_type_ids", "position_ids"];

impl HostGraph {
    /// Refuses a graph that wants something else than a text's tokens.
    ///
    /// # Errors
    /// [`ComputeError::Failed`] naming the input.
    pub fn check(&self) -> Result<(), ComputeError> {
        let unknown = self.inputs.iter().find(|name| !KNOWN_INPUTS.contains(&&name[..]));
        if let Some(name) = unknown {
            let known = KNOWN_INPUTS.join(", ");
            return Err(ComputeError::Failed(format!("input {name} is none of {known}")));
        }
        if !self.inputs.iter().any(|name| name == KNOWN_INPUTS[0]) {
            let message = format!("the graph has no input named {}", KNOWN_INPUTS[0]);
            return Err(ComputeError::Failed(message));
        }
        Ok(())
    }
}

/// A sequence got no scores.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComputeError {
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
