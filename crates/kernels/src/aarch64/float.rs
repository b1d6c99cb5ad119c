//! Weights of f32: two instructions for an input of eight columns.

use std::arch::aarch64::*;

use super::Neon;
use super::bytes::Products;
use super::vector::{load_floats, set_sums, sums};
use crate::blocks::DEPTH;
use crate::blocks::float::{RowBlock, WeightBlock};
use crate::form::{Float, Form, Transpose};
use crate::grid::Columns;
use crate::memory::Memory;
use crate::rows::by_rows;
use crate::sums::Sums;

const WIDTH: usize = 8;

impl<P: Products> Form<Float> for Neon<P> {
    type Row = RowBlock;
    type Kept = WeightBlock<WIDTH>;
    type Columns = Self::Kept;
    const WIDTH: usize = WIDTH;
    const TILE: usize = 8;
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

impl<P: Products> Transpose for Neon<P> {
    #[inline(always)]
    fn transpose<'a>(self, row: impl Fn(usize) -> &'a [f32; DEPTH], out: &mut WeightBlock<WIDTH>) {
        out.set_all(row);
    }
}

#[target_feature(enable = "neon")]
fn add(x: &[RowBlock], columns: &Columns<'_, WeightBlock<WIDTH>>, sums: &mut [Sums]) {
    by_rows!(add_rows, x, columns, sums, 1; 1 2 3 4 5 6 7 8);
}

/// Adds the products of `R` rows with eight columns.
#[target_feature(enable = "neon")]
fn add_rows<const R: usize, const G: usize>(
    x: &[[RowBlock; R]],
    weights: [&[WeightBlock<WIDTH>]; G],
    out: &mut [Sums; R],
    column: usize,
) {
    let zero = vdupq_n_f32(0.0);
    let mut totals = [[zero; 2]; R];
    for (totals, out) in totals.iter_mut().zip(&*out) {
        *totals = [sums(out, column, 0), sums(out, column, 1)];
    }
    for (x, weights) in x.iter().zip(weights[0]) {
        for (quad, weights) in weights.0.as_chunks::<4>().0.iter().enumerate() {
            let mut columns = [[zero; 2]; 4];
            for (columns, weights) in columns.iter_mut().zip(weights) {
                let (halves, _) = weights.as_chunks::<4>();
                *columns = [load_floats(&halves[0]), load_floats(&halves[1])];
            }
            for (totals, x) in totals.iter_mut().zip(x) {
                let x = load_floats(&x.0.as_chunks::<4>().0[quad]);
                for (half, total) in totals.iter_mut().enumerate() {
                    *total = vfmaq_laneq_f32::<0>(*total, columns[0][half], x);
                    *total = vfmaq_laneq_f32::<1>(*total, columns[1][half], x);
                    *total = vfmaq_laneq_f32::<2>(*total, columns[2][half], x);
                    *total = vfmaq_laneq_f32::<3>(*total, columns[3][half], x);
                }
            }
        }
    }
    for (totals, out) in totals.into_iter().zip(out) {
        for (group, total) in totals.into_iter().enumerate() {
            set_sums(out, column, group, total);
        }
    }
}
