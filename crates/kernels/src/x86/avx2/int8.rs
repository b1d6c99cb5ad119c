//! Weights of 8 bits.

use std::arch::x86_64::*;

use super::Avx;
use super::vector::{load, load_floats, load_totals, prefetch, set_sums, step, sums};
use crate::blocks::int8::{RowBlock, WeightBlock};
use crate::blocks::{DEPTH, STEPS};
use crate::form::{Form, Int8};
use crate::grid::Columns;
use crate::memory::Memory;
use crate::quantize;
use crate::rows::by_rows;
use crate::sums::Sums;

const WIDTH: usize = 8;

type Kept = WeightBlock<WIDTH, 32>;

impl<const VNNI: bool> Form<Int8> for Avx<VNNI> {
    type Row = RowBlock;
    type Kept = Kept;
    type Columns = Kept;
    const WIDTH: usize = WIDTH;
    const TILE: usize = if VNNI { 6 } else { 4 };
    const SPAN: usize = 12;

    #[inline(always)]
    fn convert(self, x: &[f32; DEPTH], out: &mut RowBlock) {
        quantize::int8(self, x, out);
    }

    fn open<'a>(
        self,
        kept: Columns<'a, Self::Kept>,
        _open: &'a mut Memory,
    ) -> Columns<'a, Self::Columns> {
        kept
    }

    fn prefetch(self, kept: &[Self::Kept]) {
        prefetch(kept);
    }

    fn add(self, x: &[RowBlock], columns: &Columns<'_, Kept>, sums: &mut [Sums]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe {
            if VNNI {
                add_vnni(x, columns, sums);
            } else {
                add(x, columns, sums);
            }
        }
    }
}

#[target_feature(enable = "avx2,fma,avxvnni")]
fn add_vnni(x: &[RowBlock], columns: &Columns<'_, Kept>, sums: &mut [Sums]) {
    by_rows!(add_rows_vnni, x, columns, sums, 2; 1 2 3 4 5 6);
}

#[target_feature(enable = "avx2,fma")]
fn add(x: &[RowBlock], columns: &Columns<'_, Kept>, sums: &mut [Sums]) {
    by_rows!(add_rows, x, columns, sums, 2; 1 2 3 4);
}

/// Adds the products of `R` rows with `8 · G` columns: 12 instructions for 32 inputs of eight columns.
#[target_feature(enable = "avx2,fma,avxvnni")]
fn add_rows_vnni<const R: usize, const G: usize>(
    x: &[[RowBlock; R]],
    weights: [&[Kept]; G],
    sums: &mut [Sums; R],
    column: usize,
) {
    let weights = weights.map(|weights| &weights[..x.len()]);
    for (index, x) in x.iter().enumerate() {
        let mut dots = [[_mm256_setzero_si256(); G]; R];
        for place in 0..STEPS {
            let codes = weights.map(|weights| load(&weights[index].codes[place]));
            for (dots, x) in dots.iter_mut().zip(x) {
                let x = step(&x.codes, place);
                for (dot, codes) in dots.iter_mut().zip(codes) {
                    *dot = _mm256_dpbusd_avx_epi32(*dot, x, codes);
                }
            }
        }
        finish(x, dots, weights.map(|weights| &weights[index]), sums, column);
    }
}

/// The same with 28 instructions: a sum of two products fits in 16 bits, of four it does not.
#[target_feature(enable = "avx2,fma")]
fn add_rows<const R: usize, const G: usize>(
    x: &[[RowBlock; R]],
    weights: [&[Kept]; G],
    sums: &mut [Sums; R],
    column: usize,
) {
    let weights = weights.map(|weights| &weights[..x.len()]);
    let ones = _mm256_set1_epi16(1);
    for (index, x) in x.iter().enumerate() {
        let mut dots = [[_mm256_setzero_si256(); G]; R];
        for place in 0..STEPS {
            let codes = weights.map(|weights| load(&weights[index].codes[place]));
            for (dots, x) in dots.iter_mut().zip(x) {
                let x = step(&x.codes, place);
                for (dot, codes) in dots.iter_mut().zip(codes) {
                    let pairs = _mm256_maddubs_epi16(x, codes);
                    *dot = _mm256_add_epi32(*dot, _mm256_madd_epi16(pairs, ones));
                }
            }
        }
        finish(x, dots, weights.map(|weights| &weights[index]), sums, column);
    }
}

/// Scales dot products and adds them to the sums.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn finish<const R: usize, const G: usize>(
    x: &[RowBlock; R],
    dots: [[__m256i; G]; R],
    weights: [&Kept; G],
    out: &mut [Sums; R],
    column: usize,
) {
    let scales = weights.map(|weights| load_floats(&weights.scales));
    let mut parts = scales;
    for (part, weights) in parts.iter_mut().zip(weights) {
        *part = _mm256_mul_ps(load_totals(&weights.totals), *part);
    }
    for ((out, dots), x) in out.iter_mut().zip(dots).zip(x) {
        let (offset, scale) = (_mm256_set1_ps(x.offset), _mm256_set1_ps(x.scale));
        for (group, dot) in dots.into_iter().enumerate() {
            let dot = _mm256_mul_ps(_mm256_cvtepi32_ps(dot), scales[group]);
            let value = _mm256_fmadd_ps(offset, parts[group], dot);
            let total = _mm256_fmadd_ps(value, scale, sums(out, column, group));
            set_sums(out, column, group, total);
        }
    }
}
