//! Tensors as they cross the compute boundary.

/// One row of label scores for each token: f32, row-major, shape `[tokens, labels]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Logits {
    labels: usize,
    values: Vec<f32>,
}

impl Logits {
    /// An empty matrix with `labels` columns.
    pub fn new(labels: usize) -> Self {
        Self { labels, values: Vec::new() }
    }

    /// A matrix of `values`, or `None` when they do not fill whole rows.
    pub fn from_values(labels: usize, values: Vec<f32>) -> Option<Self> {
        (labels > 0 && values.len().is_multiple_of(labels)).then_some(Self { labels, values })
    }

    /// Number of rows.
    pub fn tokens(&self) -> usize {
        self.values.len() / self.labels.max(1)
    }

    /// Number of columns.
    pub fn labels(&self) -> usize {
        self.labels
    }

    /// The rows in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.labels.max(1))
    }

    /// Appends rows `range` of `other`, which has as many columns.
    pub fn extend(&mut self, other: &Self, range: std::ops::Range<usize>) {
        let columns = self.labels;
        self.values.extend_from_slice(&other.values[range.start * columns..range.end * columns]);
    }
}
