//! Weights of f32.

use crate::blocks::DEPTH;
use crate::blocks::float::Pack;
use crate::error::{Error, check_length, checked_area};
use crate::form::{Float, Form};
use crate::grid::Grid;
use crate::instruction_set::{InstructionSet, dispatch};
use crate::memory::Constants;
use crate::tile::Packed;

/// Weights `[N, K]` of f32.
#[derive(Debug, Clone)]
pub struct F32Weights {
    pub(crate) set: InstructionSet,
    pub(crate) grid: Grid,
    pub(crate) blocks: Constants,
}

impl F32Weights {
    /// Packs `[outputs, inputs]` weights.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Size`].
    pub fn pack(outputs: usize, inputs: usize, weights: &[f32]) -> Result<Self, Error> {
        Self::pack_on(InstructionSet::available(), [outputs, inputs], weights)
    }

    /// Packs weights for `set`, or for scalar code if the processor does not have it.
    ///
    /// # Errors
    /// As [`Self::pack`].
    pub fn pack_on(set: InstructionSet, sizes: [usize; 2], weights: &[f32]) -> Result<Self, Error> {
        check_length("weights", checked_area(sizes[0], sizes[1])?, weights.len())?;
        let set = set.or_scalar();
        dispatch!(set, simd => { pack(simd, set, sizes, weights) })
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
        self.blocks.bytes()
    }

    pub(crate) fn packed<S: Form<Float>>(&self, _simd: S) -> Packed<'_, S::Kept> {
        Packed { grid: self.grid, blocks: self.blocks.values(), units: &[] }
    }
}

fn pack<S: Form<Float, Kept: Pack>>(
    _simd: S,
    set: InstructionSet,
    sizes: [usize; 2],
    weights: &[f32],
) -> Result<F32Weights, Error> {
    let grid = Grid::new(sizes, DEPTH, S::WIDTH)?;
    let blocks = grid.pack(|block: &mut S::Kept, column, output, index| {
        block.set(column, &weights[output * grid.inputs..][grid.range(index)]);
    });
    Ok(F32Weights { set, grid, blocks: blocks.into() })
}
