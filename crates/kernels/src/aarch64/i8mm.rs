//! Products of matrices of bytes (`smmla`): 8 instructions for 32 inputs of two rows and four columns, and three
//! that bring rows together and apart, if there are 16 columns.

use std::arch::aarch64::*;
use std::arch::asm;

use super::bytes::{Block, Products, WIDTH};
use super::int8::InPairs;
use super::vector::load;
use crate::grid::Columns;
use crate::rows::by_rows;
use crate::sums::Sums;

/// Proof that the processor has `i8mm`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct I8mm(());

impl Products for I8mm {
    /// With 24 sums, 3 registers of rows and 2 of columns, 29 of 32 registers are in use.
    const TILE: usize = 6;
    type Int8 = InPairs;

    fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("i8mm").then_some(Self(()))
    }

    /// Eight inputs of the first two columns, and of the last two.
    #[inline(always)]
    unsafe fn arrange([first, second]: [int8x16_t; 2]) -> [int8x16_t; 2] {
        // SAFETY: the caller knows that the processor has NEON.
        unsafe {
            let (a, b) = (vreinterpretq_s32_s8(first), vreinterpretq_s32_s8(second));
            [vzip1q_s32(a, b), vzip2q_s32(a, b)].map(|codes| vreinterpretq_s8_s32(codes))
        }
    }

    fn add<B: Block>(self, x: &[B::Row], columns: &Columns<'_, B>, sums: &mut [Sums]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { add(x, columns, sums) }
    }
}

kernels!("neon,i8mm", dots; 1 2 3 4 5 6);

/// A last row without another goes with itself.
#[target_feature(enable = "neon,i8mm")]
#[inline]
fn dots<B: Block, const R: usize, const G: usize>(
    x: &[B::Row; R],
    weights: [&B; G],
) -> [[int32x4_t; G]; R] {
    let zero = vdupq_n_s32(0);
    // Of each pair of rows; there are no more than `R`. In each of two columns, of both rows.
    let mut squares = [[[zero; 2]; G]; R];
    for half in 0..2 {
        let mut pairs = [[vdupq_n_s8(0); 2]; R];
        for (pair, x) in pairs.iter_mut().zip(x.chunks(2)) {
            // SAFETY: NEON is enabled.
            *pair = unsafe { [&x[0], &x[x.len() - 1]].map(|x| B::row_codes(x, half)) };
            *pair = together(*pair);
        }
        for octet in 0..2 {
            for (group, weights) in weights.iter().enumerate() {
                let codes = &weights.codes().as_chunks::<2>().0[2 * half + octet];
                let codes = [load(&codes[0]), load(&codes[1])];
                for (squares, pair) in squares[..R.div_ceil(2)].iter_mut().zip(&pairs) {
                    let [first, second] = squares[group];
                    let rows = pair[octet];
                    squares[group] =
                        [multiply(first, rows, codes[0]), multiply(second, rows, codes[1])];
                }
            }
        }
    }
    let mut dots = [[zero; G]; R];
    for (dots, squares) in dots.chunks_mut(2).zip(squares) {
        for (group, square) in squares.into_iter().enumerate() {
            let rows = apart(square);
            for (dots, row) in dots.iter_mut().zip(rows) {
                dots[group] = row;
            }
        }
    }
    dots
}

/// The first eight bytes of both rows, and the last eight.
#[target_feature(enable = "neon")]
#[inline]
fn together([a, b]: [int8x16_t; 2]) -> [int8x16_t; 2] {
    let (a, b) = (vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b));
    [vreinterpretq_s8_s64(vzip1q_s64(a, b)), vreinterpretq_s8_s64(vzip2q_s64(a, b))]
}

/// The sums of each of two rows.
#[target_feature(enable = "neon")]
#[inline]
fn apart([a, b]: [int32x4_t; 2]) -> [int32x4_t; 2] {
    let (a, b) = (vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b));
    [vreinterpretq_s32_s64(vzip1q_s64(a, b)), vreinterpretq_s32_s64(vzip2q_s64(a, b))]
}

/// Adds the dot products of eight bytes of two rows and of two columns, `[rows, columns]`.
#[target_feature(enable = "neon,i8mm")]
#[inline]
fn multiply(sums: int32x4_t, rows: int8x16_t, columns: int8x16_t) -> int32x4_t {
    let mut out = sums;
    // SAFETY: the instruction only computes, and `i8mm` is enabled. Its intrinsic is not stable.
    unsafe {
        asm!(
            "smmla {out:v}.4s, {rows:v}.16b, {columns:v}.16b",
            out = inout(vreg) out,
            rows = in(vreg) rows,
            columns = in(vreg) columns,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    out
}
