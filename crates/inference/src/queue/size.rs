//! How much a call is of what batches are limited by.

use super::options::GraphOptions;

/// Batches of fewer tokens pay for too little of what each costs: they are not divided further.
const LEAST_TOKENS: u32 = 32;

/// How much a call is of what batches are limited by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// It cannot be run with others.
    Alone,
    /// It can be run with others of its shape.
    Rows(u32),
    /// It can be run with any others.
    Tokens(u32),
}

impl Size {
    /// Rows or tokens, if it can be run with others.
    pub(super) fn amount(self) -> Option<u32> {
        match self {
            Self::Alone => None,
            Self::Rows(amount) | Self::Tokens(amount) => Some(amount),
        }
    }

    /// The most that a batch has.
    pub(super) fn most(self, options: &GraphOptions) -> u32 {
        match self {
            Self::Alone | Self::Rows(_) => options.max_batch,
            Self::Tokens(_) => options.max_tokens,
        }
    }

    /// What one takes of all that is `available`, if there are so many `idle` others.
    pub(super) fn share(self, available: u32, idle: usize) -> u32 {
        let share = available.div_ceil(u32::try_from(idle).unwrap_or(u32::MAX).saturating_add(1));
        match self {
            Self::Alone | Self::Rows(_) => share,
            Self::Tokens(_) => share.max(LEAST_TOKENS),
        }
    }
}
