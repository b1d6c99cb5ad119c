//! Weights of 8 bits: 12 instructions for 32 inputs of four columns.

use std::arch::aarch64::*;

use super::Neon;
use super::vector::{dot, load, load_floats, load_totals, quad, set_sums, sums};
use crate::blocks::DEPTH;
use crate::blocks::int8::{RowBlock, WeightBlock};
use crate::form::{Form, Int8};
use crate::grid::Columns;
use crate::memory::Memory;
use crate::quantize;
use crate::rows::by_rows;
use crate::sums::Sums;

const WIDTH: usize = 4;

type Kept = WeightBlock<WIDTH, 16>;

impl Form<Int8> for Neon {
    type Row = RowBlock;
    type Kept = Kept;
    type Columns = Kept;
    const WIDTH: usize = WIDTH;
    const TILE: usize = 4;
    const SPAN: usize = 12;

    #[inline(always)]
    fn convert(self, x: &[f32; DEPTH], out: &mut RowBlock) {
        quantize::int8(self, x, out);
    }

    fn open<'a>(self, kept: Columns<'a, Kept>, _open: &'a mut Memory) -> Columns<'a, Kept> {
        kept
    }

    fn add(self, x: &[RowBlock], columns: &Columns<'_, Kept>, sums: &mut [Sums]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { add(x, columns, sums) }
    }
}

#[target_feature(enable = "neon,dotprod")]
fn add(x: &[RowBlock], columns: &Columns<'_, Kept>, sums: &mut [Sums]) {
    by_rows!(add_rows, x, columns, sums, 4; 1 2 3 4);
}

/// Adds the products of `R` rows with `4 · G` columns.
#[target_feature(enable = "neon,dotprod")]
fn add_rows<const R: usize, const G: usize>(
    x: &[[RowBlock; R]],
    weights: [&[Kept]; G],
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
        finish(x, dots, weights.map(|weights| &weights[index]), out, column);
    }
}

/// Scales dot products and adds them to the sums.
#[target_feature(enable = "neon")]
#[inline]
fn finish<const R: usize, const G: usize>(
    x: &[RowBlock; R],
    dots: [[int32x4_t; G]; R],
    weights: [&Kept; G],
    out: &mut [Sums; R],
    column: usize,
) {
    for (group, weights) in weights.into_iter().enumerate() {
        let scales = load_floats(&weights.scales);
        let part = vmulq_f32(load_totals(&weights.totals), scales);
        for ((out, dots), x) in out.iter_mut().zip(&dots).zip(x) {
            let dot = vmulq_f32(vcvtq_f32_s32(dots[group]), scales);
            let value = vfmaq_n_f32(dot, part, x.offset);
            let total = vfmaq_n_f32(sums(out, column, group), value, x.scale);
            set_sums(out, column, group, total);
        }
    }
}
