//! Weights of f32: two instructions for an input of 32 columns.

use std::arch::x86_64::*;

use super::Avx512;
use super::vector::{load_floats, load_sums, store_sums};
use crate::blocks::DEPTH;
use crate::blocks::float::{RowBlock, WeightBlock};
use crate::form::{Float, Form};
use crate::grid::Columns;
use crate::memory::Memory;
use crate::rows::by_rows;
use crate::sums::Sums;

const WIDTH: usize = 16;

impl Form<Float> for Avx512 {
    type Row = RowBlock;
    type Kept = WeightBlock<WIDTH>;
    type Columns = Self::Kept;
    const WIDTH: usize = WIDTH;
    const TILE: usize = 12;
    const SPAN: usize = 4;

    #[inline(always)]
    fn convert(self, x: &[f32; DEPTH], out: &mut RowBlock) {
        out.0 = *x;
    }

    fn open<'a>(
        self,
        kept: Columns<'a, Self::Kept>,
        _open: &'a mut Memory,
    ) -> Columns<'a, Self::Columns> {
        kept
    }

    fn add(self, x: &[RowBlock], columns: &Columns<'_, Self::Columns>, sums: &mut [Sums]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { add(x, columns, sums) }
    }
}

#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn add(x: &[RowBlock], columns: &Columns<'_, WeightBlock<WIDTH>>, sums: &mut [Sums]) {
    by_rows!(add_rows, x, columns, sums, 2; 1 2 3 4 5 6 7 8 9 10 11 12);
}

/// Adds the products of `R` rows with `16 · G` columns.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn add_rows<const R: usize, const G: usize>(
    x: &[[RowBlock; R]],
    weights: [&[WeightBlock<WIDTH>]; G],
    sums: &mut [Sums; R],
    column: usize,
) {
    let weights = weights.map(|weights| &weights[..x.len()]);
    let mut totals = [[_mm512_setzero_ps(); G]; R];
    for (totals, sums) in totals.iter_mut().zip(&*sums) {
        *totals = load_sums(sums, column);
    }
    for (index, x) in x.iter().enumerate() {
        for input in 0..DEPTH {
            let columns = weights.map(|weights| load_floats(&weights[index].0[input]));
            for (totals, x) in totals.iter_mut().zip(x) {
                let x = _mm512_set1_ps(x.0[input]);
                for (total, columns) in totals.iter_mut().zip(columns) {
                    *total = _mm512_fmadd_ps(x, columns, *total);
                }
            }
        }
    }
    for (totals, sums) in totals.into_iter().zip(sums) {
        store_sums(sums, column, totals);
    }
}
