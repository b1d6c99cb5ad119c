//! Weights of f32.

use std::ops::Range;

use crate::blocks::float::{WIDTH, WeightBlock};
use crate::error::{Error, check_length, checked_area};
use crate::form::Float;
use crate::grid::Grid;
use crate::tile::Packed;

/// Weights `[N, K]` of f32.
#[derive(Debug, Clone)]
pub struct F32Weights {
    grid: Grid,
    blocks: Vec<WeightBlock>,
}

impl F32Weights {
    /// Packs `[outputs, inputs]` weights.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Size`].
    pub fn pack(outputs: usize, inputs: usize, weights: &[f32]) -> Result<Self, Error> {
        check_length("weights", checked_area(outputs, inputs)?, weights.len())?;
        let grid = Grid { outputs, inputs, width: WIDTH };
        let blocks = grid.pack(WeightBlock::ZEROS, |block, column, output, index| {
            let row = &weights[output * inputs..][grid.range(index)];
            for (place, weight) in block.0.iter_mut().zip(row) {
                place[column] = *weight;
            }
        });
        Ok(Self { grid, blocks })
    }

    /// Number of outputs, N.
    pub fn outputs(&self) -> usize {
        self.grid.outputs
    }

    /// Number of inputs, K.
    pub fn inputs(&self) -> usize {
        self.grid.inputs
    }

    /// Bytes that the packed weights take.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.blocks)
    }
}

impl Packed for F32Weights {
    type Form = Float;

    fn grid(&self) -> Grid {
        self.grid
    }

    fn inputs(&self) -> usize {
        self.grid.inputs
    }

    fn range(&self, block: usize) -> Range<usize> {
        self.grid.range(block)
    }

    fn panel<'a>(&'a self, panel: usize, _open: &'a mut Vec<WeightBlock>) -> &'a [WeightBlock] {
        self.grid.panel(&self.blocks, panel)
    }
}
