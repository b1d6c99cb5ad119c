use tract_core::internal::*;

/// What is known of a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// The same whatever the rows are, and however many.
    Shared,
    /// Rows that depend on the row of the inputs of their number alone.
    Rows(Rows),
    /// Anything else, and the node that made it so.
    Mixed(String),
}

/// Where a value has its rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rows {
    pub(super) axis: usize,
    /// Elements of the axis that belong to each row, next to each other.
    pub(super) each: TDim,
}

impl Rows {
    pub(super) fn at(axis: usize) -> Self {
        Self { axis, each: 1.to_dim() }
    }
}

/// Why an operator does not keep rows apart.
pub(super) type Kept = Result<Value, &'static str>;

pub(super) const ACROSS: &str = "works across rows";
pub(super) const ALIGNED: &str = "combines values whose rows are not aligned";
pub(super) const COUNTED: &str = "depends on the number of rows";
pub(super) const UNKNOWN: &str = "is not known to keep rows apart";
