use crate::blocks::{DEPTH, Grid};
use crate::tile::ROWS;

/// The largest code: the second operand of a relaxed dot product has 7 bits.
const LARGEST: f32 = 127.0;

/// Below this the reciprocal of a row's scale would overflow: such a row counts as zeros.
const SMALLEST: f32 = 1e-30;

/// A block of a row's codes, 0 to 127.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub(crate) struct CodeBlock(pub(crate) [u8; DEPTH]);

/// What a row's codes mean: `x ≈ (code - zero point) · scale`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct RowScale {
    /// Not a number if a value was not finite.
    pub(crate) scale: f32,
    pub(crate) zero_point: i32,
}

impl RowScale {
    fn of(row: &[f32]) -> Self {
        let (least, most) = range(row);
        let span = most - least;
        if !span.is_finite() {
            return Self { scale: f32::NAN, zero_point: 0 };
        }
        if span < SMALLEST {
            return Self::default();
        }
        let scale = span / LARGEST;
        Self { scale, zero_point: (-least / scale).round_ties_even() as i32 }
    }

    fn code(self, x: &[f32]) -> CodeBlock {
        let mut codes = CodeBlock([0; DEPTH]);
        // Not above 0: it is 0 or not a number.
        if self.scale > 0.0 {
            let (factor, zero_point) = (1.0 / self.scale, self.zero_point as f32);
            for (code, x) in codes.0.iter_mut().zip(x) {
                let x = (x * factor).round_ties_even() + zero_point;
                *code = x.clamp(0.0, LARGEST) as u8;
            }
        }
        codes
    }
}

/// Least and largest value, and 0; not numbers if one of them is none.
fn range(row: &[f32]) -> (f32, f32) {
    let (mut least, mut most, mut sum) = (0.0f32, 0.0f32, 0.0f32);
    for &x in row {
        least = least.min(x);
        most = most.max(x);
        // 0 · x is NaN where x is not finite.
        sum += 0.0 * x;
    }
    (least + sum, most + sum)
}

/// Quantises `x` `[rows, K]`, the codes tile after tile, in each `[blocks, rows]`.
pub(crate) fn quantise(
    x: &[f32],
    grid: Grid,
    codes: &mut Vec<CodeBlock>,
    scales: &mut Vec<RowScale>,
) {
    codes.clear();
    scales.clear();
    if grid.inputs == 0 {
        return;
    }
    let rows = x.len() / grid.inputs;
    codes.reserve(rows * grid.blocks());
    scales.extend(x.chunks_exact(grid.inputs).map(RowScale::of));
    for (tile, scales) in x.chunks(ROWS * grid.inputs).zip(scales.chunks(ROWS)) {
        for block in 0..grid.blocks() {
            for (row, scale) in tile.chunks_exact(grid.inputs).zip(scales) {
                let x = &row[block * DEPTH..];
                codes.push(scale.code(&x[..x.len().min(DEPTH)]));
            }
        }
    }
}
