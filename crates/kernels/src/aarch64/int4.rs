//! Weights of 4 bits: 11 instructions for 32 inputs of four columns.

use std::arch::aarch64::*;

use super::Neon;
use super::vector::{dot, load, quad, set_sums, store, sums};
use crate::blocks::int4::{OpenBlock, PackedBlock, RowBlock, ZERO_POINT};
use crate::blocks::{DEPTH, STEPS};
use crate::form::{Form, Int4};
use crate::grid::Columns;
use crate::memory::Memory;
use crate::quantize;
use crate::rows::by_rows;
use crate::sums::Sums;

const WIDTH: usize = 4;

type Kept = PackedBlock<WIDTH, 16>;
type Open = OpenBlock<WIDTH, 16>;

impl Form<Int4> for Neon {
    type Row = RowBlock;
    type Kept = Kept;
    type Columns = Open;
    const WIDTH: usize = WIDTH;
    const TILE: usize = 4;
    const SPAN: usize = 12;

    #[inline(always)]
    fn convert(self, x: &[f32; DEPTH], out: &mut RowBlock) {
        quantize::int4(self, x, out);
    }

    fn open<'a>(self, kept: Columns<'a, Kept>, open: &'a mut Memory) -> Columns<'a, Open> {
        // SAFETY: `self` proves that the processor has the instructions.
        kept.open(open, |kept, open| unsafe { self::open(kept, open) })
    }

    fn add(self, x: &[RowBlock], columns: &Columns<'_, Open>, sums: &mut [Sums]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { add(x, columns, sums) }
    }
}

/// Halves of bytes to signed bytes, and scales to 32 bits.
#[target_feature(enable = "neon")]
fn open(packed: &Kept, out: &mut Open) {
    let (low, zero) = (vdupq_n_u8(15), vdupq_n_s8(ZERO_POINT as i8));
    let (lows, highs) = out.codes.split_at_mut(STEPS / 2);
    for ((codes, low_out), high_out) in packed.codes.iter().zip(lows).zip(highs) {
        let codes = vreinterpretq_u8_s8(load(codes));
        store(low_out, vsubq_s8(vreinterpretq_s8_u8(vandq_u8(codes, low)), zero));
        store(high_out, vsubq_s8(vreinterpretq_s8_u8(vshrq_n_u8::<4>(codes)), zero));
    }
    for (scale, out) in packed.scales.iter().zip(&mut out.scales) {
        *out = [*scale, *scale >> 15];
    }
}

#[target_feature(enable = "neon,dotprod")]
fn add(x: &[RowBlock], columns: &Columns<'_, Open>, sums: &mut [Sums]) {
    by_rows!(add_rows, x, columns, sums, 4; 1 2 3 4);
}

/// Adds the products of `R` rows with `4 · G` columns.
#[target_feature(enable = "neon,dotprod")]
fn add_rows<const R: usize, const G: usize>(
    x: &[[RowBlock; R]],
    weights: [&[Open]; G],
    out: &mut [Sums; R],
    column: usize,
) {
    let weights = weights.map(|weights| &weights[..x.len()]);
    for (index, x) in x.iter().enumerate() {
        let mut dots = [[vdupq_n_s32(0); G]; R];
        for half in 0..2 {
            for (group, weights) in weights.iter().enumerate() {
                let codes = &weights[index].codes.as_chunks::<4>().0[half];
                let codes = quad(codes);
                for (dots, x) in dots.iter_mut().zip(x) {
                    let x = load(&x.codes.as_chunks::<16>().0[half]);
                    let sum = dot::<1>(dot::<0>(dots[group], codes[0], x), codes[1], x);
                    dots[group] = dot::<3>(dot::<2>(sum, codes[2], x), codes[3], x);
                }
            }
        }
        for ((out, dots), x) in out.iter_mut().zip(dots).zip(x) {
            for (group, dot) in dots.into_iter().enumerate() {
                let scales = vreinterpretq_s32_s8(load(&weights[group][index].scales));
                let dot = vcvtq_f32_s32(vmulq_s32(dot, scales));
                let total = vfmaq_n_f32(sums(out, column, group), dot, x.scale);
                set_sums(out, column, group, total);
            }
        }
    }
}
