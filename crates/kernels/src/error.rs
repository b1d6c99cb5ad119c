use std::fmt;

use crate::sums::PANEL;

/// Errors of operands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// An operand has not the number of elements that the sizes ask for.
    Length {
        /// Which operand.
        what: &'static str,
        /// How many elements it should have.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// A block size that is not a positive multiple of 16.
    Block(usize),
    /// A first column that is not a multiple of [`crate::COLUMN_STEP`].
    Columns(usize),
    /// Columns of an attention that do not begin or end with a head.
    Heads {
        /// Where they begin or end.
        column: usize,
        /// Columns of a head.
        width: usize,
    },
    /// Weights that are packed for an instruction set which the processor does not have.
    InstructionSet(&'static str),
    /// Sizes whose product does not fit in memory.
    Size,
    /// Weights or scales that are infinite or not a number.
    NotFinite(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { what, expected, found } => {
                write!(f, "{what}: {found} elements instead of {expected}")
            }
            Self::Block(block) => {
                write!(f, "blocks of {block} weights: not a positive multiple of 16")
            }
            Self::Columns(column) => {
                write!(f, "columns from {column} on: not a multiple of {PANEL}")
            }
            Self::Heads { column, width } => {
                write!(f, "column {column} is not between heads of {width} columns")
            }
            Self::InstructionSet(set) => {
                write!(
                    f,
                    "weights are packed for {set}, which the processor does not have; pack them again"
                )
            }
            Self::Size => write!(f, "sizes that do not fit in memory"),
            Self::NotFinite(what) => write!(f, "{what}: infinite or not a number"),
        }
    }
}

impl std::error::Error for Error {}

/// Refuses an operand of another length.
pub(crate) fn check_length(what: &'static str, expected: usize, found: usize) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::Length { what, expected, found }) }
}

/// `a · b`, unless it overflows.
pub(crate) fn checked_area(a: usize, b: usize) -> Result<usize, Error> {
    a.checked_mul(b).ok_or(Error::Size)
}
