//! Weights of 4 bits in blocks.

use crate::blocks::int4::Pack;
use crate::error::{Error, check_length};
use crate::form::{Form, Int4};
use crate::grid::Grid;
use crate::instruction_set::{InstructionSet, dispatch};
use crate::memory::{Constants, Memory};
use crate::sums::{PANEL, Sums};
use crate::tile::Packed;

/// The largest scale in units of its column.
const LARGEST_SCALE: f32 = 32767.0;

/// Weights of 4 bits as they are given: see [`Int4Weights::pack`].
#[derive(Debug, Clone, Copy)]
pub struct Nibbles<'a> {
    /// Outputs and inputs, N and K.
    pub sizes: [usize; 2],
    /// Inputs of a block.
    pub block: usize,
    /// Two in a byte: `[N, K / block, block / 2]`.
    pub codes: &'a [u8],
    /// f32 `[N, K / block]`.
    pub scales: &'a [f32],
}

/// Weights `[N, K]` of 4 bits, `(code - 8) · scale`, with a scale for each block along K.
///
/// Scales are kept in 16 bits, as multiples of a unit that each output has for itself: a weight is off by
/// at most 2⁻¹³ of the largest scale among the blocks of its output.
#[derive(Debug, Clone)]
pub struct Int4Weights {
    pub(crate) set: InstructionSet,
    pub(crate) grid: Grid,
    pub(crate) blocks: Constants,
    /// The unit of each column's scales, by panels.
    pub(crate) units: Constants,
}

impl Int4Weights {
    /// Packs `[outputs, inputs]` weights that are quantized in blocks of `block`, laid out like the
    /// constants of ONNX Runtime's `MatMulNBits` (com.microsoft, version 1): `codes` holds two
    /// codes in a byte, the first in its low half, each output's blocks padded to whole ones;
    /// `scales` is `[outputs, blocks]`. All zero points are 8.
    ///
    /// As outputs follow each other in both, weights that read the same input are put together by
    /// appending their constants.
    ///
    /// # Errors
    /// [`Error::Block`] unless `block` is a positive multiple of 16; [`Error::Length`],
    /// [`Error::Size`], and [`Error::NotFinite`] for scales.
    pub fn pack(
        outputs: usize,
        inputs: usize,
        block: usize,
        codes: &[u8],
        scales: &[f32],
    ) -> Result<Self, Error> {
        let given = Nibbles { sizes: [outputs, inputs], block, codes, scales };
        Self::pack_on(InstructionSet::available(), &given)
    }

    /// Packs weights for `set`, or for scalar code if the processor does not have it.
    ///
    /// # Errors
    /// As [`Self::pack`].
    pub fn pack_on(set: InstructionSet, given: &Nibbles<'_>) -> Result<Self, Error> {
        let set = set.or_scalar();
        dispatch!(set, simd => { pack(simd, set, given) })
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
        self.blocks.bytes() + self.units.bytes()
    }

    pub(crate) fn packed<S: Form<Int4>>(&self, _simd: S) -> Packed<'_, S::Kept> {
        Packed { grid: self.grid, blocks: self.blocks.values(), units: self.units.values() }
    }
}

fn pack<S: Form<Int4, Kept: Pack>>(
    _simd: S,
    set: InstructionSet,
    given: &Nibbles<'_>,
) -> Result<Int4Weights, Error> {
    let Nibbles { sizes, block, codes, scales } = *given;
    check_block(block)?;
    let grid = Grid::new(sizes, block, S::WIDTH)?;
    let parts = grid.given();
    check_length("scales", grid.outputs * parts, scales.len())?;
    check_length("codes", grid.outputs * parts * (block / 2), codes.len())?;
    if !scales.iter().all(|scale| scale.is_finite()) {
        return Err(Error::NotFinite("scales"));
    }
    let mut units = Memory::default();
    let columns = set_units(grid, scales, &mut units);
    let blocks = grid.pack(|packed: &mut S::Kept, column, output, index| {
        let range = grid.range(index);
        let scale = scales[output * parts + range.start / block];
        // A unit of zero has only zero scales: the quotient is NaN, and becomes 0.
        packed.set_scale(column, (scale / columns[output / PANEL][output % PANEL]).round() as i16);
        let codes = &codes[output * parts * (block / 2)..];
        for (place, input) in range.enumerate() {
            packed.set(column, place, codes[input / 2] >> (4 * (input % 2)) & 15);
        }
    });
    Ok(Int4Weights { set, grid, blocks: blocks.into(), units: units.into() })
}

pub(crate) fn check_block(block: usize) -> Result<(), Error> {
    if block == 0 || !block.is_multiple_of(16) {
        return Err(Error::Block(block));
    }
    Ok(())
}

/// Sets the units of the columns' scales, by panels.
fn set_units<'a>(grid: Grid, scales: &[f32], units: &'a mut Memory) -> &'a [Sums] {
    if grid.inputs == 0 {
        return &[];
    }
    let units = units.grow::<Sums>(grid.outputs.div_ceil(PANEL));
    for (output, scales) in scales.chunks_exact(grid.given()).enumerate() {
        let largest = scales.iter().fold(0.0f32, |most, scale| most.max(scale.abs()));
        units[output / PANEL][output % PANEL] = largest / LARGEST_SCALE;
    }
    units
}
