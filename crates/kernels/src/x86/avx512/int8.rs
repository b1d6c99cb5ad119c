//! Weights of 8 bits: 12 instructions for 32 inputs of 16 columns.

use std::arch::x86_64::*;

use super::Avx512;
use super::vector::{load, load_floats, load_sums, load_totals, prefetch, step, store_sums};
use crate::blocks::int8::{RowBlock, WeightBlock};
use crate::blocks::{DEPTH, STEPS};
use crate::form::{Form, Int8};
use crate::grid::Columns;
use crate::memory::Memory;
use crate::quantize;
use crate::rows::by_rows;
use crate::sums::Sums;

const WIDTH: usize = 16;

impl Form<Int8> for Avx512 {
    type Row = RowBlock;
    type Kept = WeightBlock<WIDTH, 64>;
    type Columns = Self::Kept;
    const WIDTH: usize = WIDTH;
    const TILE: usize = 6;
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

    fn add(self, x: &[RowBlock], columns: &Columns<'_, Self::Columns>, sums: &mut [Sums]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { add(x, columns, sums) }
    }
}

#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn add(x: &[RowBlock], columns: &Columns<'_, WeightBlock<WIDTH, 64>>, sums: &mut [Sums]) {
    by_rows!(add_rows, x, columns, sums, 2; 1 2 3 4 5 6);
}

/// Adds the products of `R` rows with `16 · G` columns.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn add_rows<const R: usize, const G: usize>(
    x: &[[RowBlock; R]],
    weights: [&[WeightBlock<WIDTH, 64>]; G],
    sums: &mut [Sums; R],
    column: usize,
) {
    let weights = weights.map(|weights| &weights[..x.len()]);
    let mut totals = [[_mm512_setzero_ps(); G]; R];
    for (totals, sums) in totals.iter_mut().zip(&*sums) {
        *totals = load_sums(sums, column);
    }
    for (index, x) in x.iter().enumerate() {
        let mut dots = [[_mm512_setzero_si512(); G]; R];
        for place in 0..STEPS {
            let codes = weights.map(|weights| load(&weights[index].codes[place]));
            for (dots, x) in dots.iter_mut().zip(x) {
                let x = step(&x.codes, place);
                for (dot, codes) in dots.iter_mut().zip(codes) {
                    *dot = _mm512_dpbusd_epi32(*dot, x, codes);
                }
            }
        }
        let scales = weights.map(|weights| load_floats(&weights[index].scales));
        let codes = weights.map(|weights| load_totals(&weights[index].totals));
        for ((totals, dots), x) in totals.iter_mut().zip(dots).zip(x) {
            let (offset, scale) = (_mm512_set1_ps(x.offset), _mm512_set1_ps(x.scale));
            for (group, dot) in dots.into_iter().enumerate() {
                let dot = _mm512_mul_ps(_mm512_cvtepi32_ps(dot), scales[group]);
                let part = _mm512_mul_ps(codes[group], scales[group]);
                let value = _mm512_fmadd_ps(offset, part, dot);
                totals[group] = _mm512_fmadd_ps(value, scale, totals[group]);
            }
        }
    }
    for (totals, sums) in totals.into_iter().zip(sums) {
        store_sums(sums, column, totals);
    }
}
