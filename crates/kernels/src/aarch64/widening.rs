//! Products of 16 bits (`smull`, `smlal`), which every AArch64 processor has: 23 instructions for 32 inputs of four
//! columns with weights of 4 bits, 27 with 8 bits.

use std::arch::aarch64::*;

use super::bytes::{Block, Products, WIDTH};
use super::int8::InSteps;
use super::vector::quad;
use crate::blocks::STEP;
use crate::grid::Columns;
use crate::rows::by_rows;
use crate::sums::Sums;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Widening(());

impl Products for Widening {
    /// Each sum takes two registers.
    const TILE: usize = 2;
    type Int8 = InSteps;

    fn detect() -> Option<Self> {
        Some(Self(()))
    }

    #[inline(always)]
    unsafe fn arrange(steps: [int8x16_t; 2]) -> [int8x16_t; 2] {
        steps
    }

    fn add<B: Block>(self, x: &[B::Row], columns: &Columns<'_, B>, sums: &mut [Sums]) {
        // SAFETY: every AArch64 processor has NEON.
        unsafe { add(x, columns, sums) }
    }
}

kernels!("neon", dots; 1 2);

/// Sums of the first and of the last two columns, each in two parts.
type Halves = [int32x4_t; 2];

#[target_feature(enable = "neon")]
#[inline]
fn dots<B: Block, const R: usize, const G: usize>(
    x: &[B::Row; R],
    weights: [&B; G],
) -> [[int32x4_t; G]; R] {
    let mut halves = [[[vdupq_n_s32(0); 2]; G]; R];
    for half in 0..2 {
        for (x, halves) in x.iter().zip(&mut halves) {
            // SAFETY: NEON is enabled.
            let x = steps(unsafe { B::row_codes(x, half) });
            for (weights, halves) in weights.iter().zip(halves) {
                let codes = quad(&weights.codes().as_chunks::<4>().0[half]);
                *halves = add_steps::<B>(*halves, codes, x);
            }
        }
    }
    let mut dots = [[vdupq_n_s32(0); G]; R];
    for (dots, halves) in dots.iter_mut().zip(halves) {
        for (dot, [low, high]) in dots.iter_mut().zip(halves) {
            *dot = vpaddq_s32(low, high);
        }
    }
    dots
}

/// Each four bytes of a register, repeated.
#[target_feature(enable = "neon")]
#[inline]
fn steps(x: int8x16_t) -> [int8x8_t; 4] {
    let x = vreinterpretq_s32_s8(x);
    [
        vreinterpret_s8_s32(vdup_laneq_s32::<0>(x)),
        vreinterpret_s8_s32(vdup_laneq_s32::<1>(x)),
        vreinterpret_s8_s32(vdup_laneq_s32::<2>(x)),
        vreinterpret_s8_s32(vdup_laneq_s32::<3>(x)),
    ]
}

/// Adds the products of four steps: as many as fit in 16 bits, before they are widened.
#[target_feature(enable = "neon")]
#[inline]
fn add_steps<B: Block>(
    [mut low, mut high]: Halves,
    codes: [int8x16_t; 4],
    x: [int8x8_t; 4],
) -> Halves {
    // A sum of 16 bits has one product of each step.
    const { assert!(STEP == 4 && 4usize.is_multiple_of(B::PRODUCTS_IN_16_BITS)) };
    for start in (0..4).step_by(B::PRODUCTS_IN_16_BITS) {
        let mut words = [vdupq_n_s16(0); 2];
        for step in start..start + B::PRODUCTS_IN_16_BITS {
            words[0] = vmlal_s8(words[0], vget_low_s8(codes[step]), x[step]);
            words[1] = vmlal_s8(words[1], vget_high_s8(codes[step]), x[step]);
        }
        low = vpadalq_s16(low, words[0]);
        high = vpadalq_s16(high, words[1]);
    }
    [low, high]
}
