//! Where the matrix work is done.

mod tract;

pub use tract::TractCompute;

use crate::tensor::Logits;

/// A model that gives each token of a sequence a score for each label.
pub trait Compute: Send + Sync {
    /// Label scores of one sequence, special tokens included.
    ///
    /// # Errors
    /// What the engine said.
    fn logits(&self, sequence: &Sequence) -> Result<Logits, ComputeError>;

    /// Number of labels, the columns of [`Compute::logits`].
    fn labels(&self) -> usize;

    /// Rows of the token embedding, where the model tells.
    fn vocabulary(&self) -> Option<usize>;
}

/// Token ids and segment ids of one sequence, of the same length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sequence {
    /// Vocabulary indices.
    pub ids: Vec<i64>,
    /// Segment of each token.
    pub type_ids: Vec<i64>,
}

/// The engine failed on a sequence.
#[derive(Debug, thiserror::Error)]
#[error("inference failed: {0}")]
pub struct ComputeError(pub String);
