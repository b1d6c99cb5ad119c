//! Weights of 8 bits in blocks of 32.

use std::ops::Range;

use crate::blocks::int8::WeightBlock;
use crate::blocks::{DEPTH, QUAD, with_whole};
use crate::error::{Error, check_length, checked_area};
use crate::form::Int8;
use crate::grid::Grid;
use crate::tile::Packed;

/// What the largest weight of a column's block may become: the one that leaves the least error is
/// taken, and weights that come from few levels have one that leaves none.
const LARGEST: std::ops::RangeInclusive<u8> = 112..=127;

/// Weights `[N, K]` of signed 8 bits, `code · scale`, with a scale for each 32 inputs of an output.
#[derive(Debug, Clone)]
pub struct Int8Weights {
    grid: Grid,
    /// `[quads, blocks]`.
    blocks: Vec<WeightBlock>,
}

impl Int8Weights {
    /// Quantizes f32 weights `[outputs, inputs]`.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Size`], and [`Error::NotFinite`] for weights.
    pub fn quantize(outputs: usize, inputs: usize, weights: &[f32]) -> Result<Self, Error> {
        check_length("weights", checked_area(outputs, inputs)?, weights.len())?;
        if !weights.iter().all(|weight| weight.is_finite()) {
            return Err(Error::NotFinite("weights"));
        }
        let grid = Grid { outputs, inputs, width: QUAD };
        let blocks = grid.pack(WeightBlock::ZEROS, |block, column, output, index| {
            let row = &weights[output * inputs..][grid.range(index)];
            with_whole(row, |row| quantize(row, column, block));
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

/// Sets one of a block's four columns, symmetrically, at the scale with the least squared error.
fn quantize(weights: &[f32; DEPTH], column: usize, block: &mut WeightBlock) {
    let largest = weights.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    // A scale of zero has only zero weights: the quotient is NaN, and becomes 0.
    let codes = |scale: f32| weights.map(|weight| (weight / scale).round() as i8);
    let error = |scale: f32| -> f32 {
        let codes = codes(scale).map(|code| f32::from(code) * scale);
        codes.iter().zip(weights).map(|(code, weight)| (code - weight).powi(2)).sum()
    };
    let scales = LARGEST.rev().map(|code| largest / f32::from(code));
    let scale = scales.min_by(|a, b| error(*a).total_cmp(&error(*b))).unwrap_or_default();
    block.set(column, scale, &codes(scale));
}

impl Packed for Int8Weights {
    type Form = Int8;

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
