//! Weights of 8 bits in blocks of 32.

use crate::blocks::int8::Pack;
use crate::blocks::{DEPTH, with_whole};
use crate::error::{Error, check_length, checked_area};
use crate::form::{Form, Int8};
use crate::grid::Grid;
use crate::instruction_set::{InstructionSet, dispatch};
use crate::memory::Constants;
use crate::tile::Packed;

/// What the largest weight of a column's block may become: the one that leaves the least error is
/// taken, and weights that come from few levels have one that leaves none.
const LARGEST: std::ops::RangeInclusive<u8> = 112..=127;

/// Weights `[N, K]` of signed 8 bits, `code · scale`, with a scale for each 32 inputs of an output.
#[derive(Debug, Clone)]
pub struct Int8Weights {
    pub(crate) set: InstructionSet,
    pub(crate) grid: Grid,
    pub(crate) blocks: Constants,
}

impl Int8Weights {
    /// Quantizes f32 weights `[outputs, inputs]`.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Size`], and [`Error::NotFinite`] for weights.
    pub fn quantize(outputs: usize, inputs: usize, weights: &[f32]) -> Result<Self, Error> {
        Self::quantize_on(InstructionSet::available(), [outputs, inputs], weights)
    }

    /// Packs weights for `set`, or for scalar code if the processor does not have it.
    ///
    /// # Errors
    /// As [`Self::quantize`].
    pub fn quantize_on(
        set: InstructionSet,
        sizes: [usize; 2],
        weights: &[f32],
    ) -> Result<Self, Error> {
        check_length("weights", checked_area(sizes[0], sizes[1])?, weights.len())?;
        if !weights.iter().all(|weight| weight.is_finite()) {
            return Err(Error::NotFinite("weights"));
        }
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

    pub(crate) fn packed<S: Form<Int8>>(&self, _simd: S) -> Packed<'_, S::Kept> {
        Packed { grid: self.grid, blocks: self.blocks.values(), units: &[] }
    }
}

fn pack<S: Form<Int8, Kept: Pack>>(
    _simd: S,
    set: InstructionSet,
    sizes: [usize; 2],
    weights: &[f32],
) -> Result<Int8Weights, Error> {
    let grid = Grid::new(sizes, DEPTH, S::WIDTH)?;
    let blocks = grid.pack(|block: &mut S::Kept, column, output, index| {
        let row = &weights[output * grid.inputs..][grid.range(index)];
        with_whole(row, |row| quantize(row, column, block));
    });
    Ok(Int8Weights { set, grid, blocks: blocks.into() })
}

/// Sets one of a block's columns, symmetrically, at the scale with the least squared error.
fn quantize(weights: &[f32; DEPTH], column: usize, block: &mut impl Pack) {
    let largest = weights.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    // A scale of zero has only zero weights: the quotient is NaN, and becomes 0.
    let codes = |scale: f32| weights.map(|weight| rounded(weight / scale));
    let error = |scale: f32| -> f32 {
        let codes = codes(scale).map(|code| f32::from(code) * scale);
        codes.iter().zip(weights).map(|(code, weight)| (code - weight).powi(2)).sum()
    };
    let scales = LARGEST.rev().map(|code| largest / f32::from(code));
    let tried = scales.map(|scale| (scale, error(scale)));
    let best = tried.reduce(|best, other| if other.1 < best.1 { other } else { best });
    let scale = best.map_or(0.0, |(scale, _)| scale);
    block.set(column, scale, &codes(scale));
}

/// `x.round()` of what an i8 holds, without a call.
fn rounded(x: f32) -> i8 {
    /// The largest number below a half: with a half itself, 0.49999997 would become 1.
    const HALF: f32 = 0.5 - f32::EPSILON / 4.0;
    (x + HALF.copysign(x)) as i8
}

#[cfg(test)]
mod tests {
    use super::rounded;

    #[test]
    fn numbers_are_rounded_to_the_nearest_and_halves_away_from_zero() {
        for half in -300..=300i16 {
            let half = f32::from(half) / 2.0;
            for x in [half.next_down(), half, half.next_up(), half + 0.25] {
                assert_eq!(rounded(x), x.round() as i8, "{x}");
            }
        }
        assert_eq!((rounded(f32::NAN), rounded(-0.0)), (0, 0));
    }
}
