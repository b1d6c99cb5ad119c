use crate::blocks::{DEPTH, QUAD, QuadCodes, STEP};
use crate::int4::pack::{Layout, ZERO_POINT};
use crate::tile::ROWS;

/// The largest code.
const LARGEST: f32 = 127.0;

/// Below this the reciprocal of a block's scale would overflow: such a block counts as zeros.
const SMALLEST: f32 = 1e-30;

/// A block of a row: signed codes, symmetric, `x ≈ code · scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(16))]
pub(crate) struct RowBlock {
    pub(crate) codes: QuadCodes,
    /// What the weights' zero point makes of the codes, `-8 · Σ code`: over the even and over the odd
    /// pairs, as the kernel sums them apart.
    pub(crate) correction: [i16; 2 * QUAD],
    /// Not a number if a value was not finite.
    pub(crate) scale: [f32; QUAD],
}

impl RowBlock {
    pub(crate) const ZEROS: Self = Self { codes: QuadCodes([[0; 16]; 8]), correction: [0; 8], scale: [0.0; 4] };

    pub(crate) fn quantise(x: &[f32; DEPTH]) -> Self {
        Self::quantise_reference(x)
    }

    pub(crate) fn quantise_reference(x: &[f32; DEPTH]) -> Self {
        let largest = x.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        if !x.iter().all(|x| x.is_finite()) {
            return Self { scale: [f32::NAN; 4], ..Self::ZEROS };
        }
        if largest < SMALLEST {
            return Self::ZEROS;
        }
        let factor = LARGEST / largest;
        let codes = x.map(|x| (x * factor).round_ties_even() as i8);
        let mut correction = [0; 2];
        for (pair, codes) in codes.chunks_exact(STEP / 2).enumerate() {
            for &code in codes {
                correction[pair % 2] -= ZERO_POINT * i16::from(code);
            }
        }
        Self {
            codes: QuadCodes(std::array::from_fn(|step| std::array::from_fn(|i| codes[step * STEP + i % STEP]))),
            correction: std::array::from_fn(|i| correction[i % 2]),
            scale: [largest / LARGEST; 4],
        }
    }
}

/// Quantises `x` `[rows, K]`, tile after tile, in each `[blocks, rows]`.
pub(crate) fn quantise(x: &[f32], layout: &Layout, out: &mut Vec<RowBlock>) {
    out.clear();
    if layout.inputs == 0 {
        return;
    }
    let rows = x.len() / layout.inputs;
    out.reserve(rows * layout.blocks());
    for tile in x.chunks(ROWS * layout.inputs) {
        for (_, range) in layout.ranges() {
            for row in tile.chunks_exact(layout.inputs) {
                let x = &row[range.clone()];
                out.push(match <&[f32; DEPTH]>::try_from(x) {
                    Ok(x) => RowBlock::quantise(x),
                    Err(_) => RowBlock::quantise(&padded(x)),
                });
            }
        }
    }
}

fn padded(x: &[f32]) -> [f32; DEPTH] {
    let mut block = [0.0; DEPTH];
    block[..x.len()].copy_from_slice(x);
    block
}
