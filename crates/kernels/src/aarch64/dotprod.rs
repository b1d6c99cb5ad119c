//! Dot products of four bytes (`sdot`): 8 instructions for 32 inputs of four columns.

use std::arch::aarch64::*;
use std::arch::asm;

use super::bytes::{Block, Products, WIDTH};
use super::int8::InSteps;
use super::vector::quad;
use crate::grid::Columns;
use crate::rows::by_rows;
use crate::sums::Sums;

/// Proof that the processor has `dotprod`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dotprod(());

impl Products for Dotprod {
    const TILE: usize = 4;
    type Int8 = InSteps;

    fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("dotprod").then_some(Self(()))
    }

    #[inline(always)]
    unsafe fn arrange(steps: [int8x16_t; 2]) -> [int8x16_t; 2] {
        steps
    }

    fn add<B: Block>(self, x: &[B::Row], columns: &Columns<'_, B>, sums: &mut [Sums]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { add(x, columns, sums) }
    }
}

kernels!("neon,dotprod", dots; 1 2 3 4);

#[target_feature(enable = "neon,dotprod")]
#[inline]
fn dots<B: Block, const R: usize, const G: usize>(
    x: &[B::Row; R],
    weights: [&B; G],
) -> [[int32x4_t; G]; R] {
    let mut dots = [[vdupq_n_s32(0); G]; R];
    for half in 0..2 {
        for (group, weights) in weights.iter().enumerate() {
            let codes = quad(&weights.codes().as_chunks::<4>().0[half]);
            for (dots, x) in dots.iter_mut().zip(x) {
                // SAFETY: NEON is enabled.
                let x = unsafe { B::row_codes(x, half) };
                let sum = dot::<1>(dot::<0>(dots[group], codes[0], x), codes[1], x);
                dots[group] = dot::<3>(dot::<2>(sum, codes[2], x), codes[3], x);
            }
        }
    }
    dots
}

/// Adds the products of four bytes of `codes` with the `STEP`-th four of `x` to each sum.
#[target_feature(enable = "neon,dotprod")]
#[inline]
fn dot<const STEP: usize>(sums: int32x4_t, codes: int8x16_t, x: int8x16_t) -> int32x4_t {
    let mut out = sums;
    // SAFETY: the instruction only computes, and `dotprod` is enabled. Its intrinsic is not stable.
    unsafe {
        asm!(
            "sdot {out:v}.4s, {codes:v}.16b, {x:v}.4b[{step}]",
            out = inout(vreg) out,
            codes = in(vreg) codes,
            x = in(vreg) x,
            step = const STEP,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    out
}
