use std::ops::Range;

use crate::blocks::{DEPTH, QUAD};
use crate::error::{Error, check_length, checked_area};
use crate::grid::Grid;

/// How weights `[N, K]` in blocks of any size become blocks of `DEPTH`: each is cut into whole
/// ones, the last of which may be shorter and is padded.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) outputs: usize,
    pub(super) inputs: usize,
    pub(super) block: usize,
}

impl Layout {
    pub(super) fn new(outputs: usize, inputs: usize, block: usize) -> Result<Self, Error> {
        if block == 0 || !block.is_multiple_of(16) {
            return Err(Error::Block(block));
        }
        let padded = inputs.checked_next_multiple_of(block).ok_or(Error::Size)?;
        // Twice, as blocks of 16 are padded to 32.
        checked_area(checked_area(outputs, padded)?, 2)?;
        Ok(Self { outputs, inputs, block })
    }

    pub(super) fn check(&self, codes: &[u8], scales: &[f32]) -> Result<(), Error> {
        let given = self.outputs * self.given();
        check_length("scales", given, scales.len())?;
        check_length("codes", given * (self.block / 2), codes.len())?;
        if scales.iter().all(|scale| scale.is_finite()) {
            Ok(())
        } else {
            Err(Error::NotFinite("scales"))
        }
    }

    /// The blocks of an output, as they are given.
    pub(super) fn given(&self) -> usize {
        self.inputs.div_ceil(self.block)
    }

    /// The blocks of `DEPTH`, as if all were whole.
    pub(super) fn grid(&self) -> Grid {
        let rest = (self.inputs % self.block).div_ceil(DEPTH);
        let blocks = self.inputs / self.block * self.block.div_ceil(DEPTH) + rest;
        Grid { outputs: self.outputs, inputs: blocks * DEPTH, width: QUAD }
    }

    /// The inputs of a block of `DEPTH`.
    pub(super) fn range(&self, block: usize) -> Range<usize> {
        let parts = self.block.div_ceil(DEPTH);
        let given = block / parts * self.block;
        let start = given + block % parts * DEPTH;
        start..self.inputs.min(given + self.block).min(start + DEPTH)
    }
}
