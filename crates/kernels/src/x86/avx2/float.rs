//! Weights of f32: two instructions for an input of 16 columns.

use std::arch::x86_64::*;

use super::Avx;
use super::vector::{load_floats, prefetch, set_sums, store, sums};
use crate::blocks::DEPTH;
use crate::blocks::float::{RowBlock, WeightBlock};
use crate::form::{Float, Form, Transpose};
use crate::grid::Columns;
use crate::memory::Memory;
use crate::rows::by_rows;
use crate::sums::Sums;

const WIDTH: usize = 8;

impl<const VNNI: bool> Form<Float> for Avx<VNNI> {
    type Row = RowBlock;
    type Kept = WeightBlock<WIDTH>;
    type Columns = Self::Kept;
    const WIDTH: usize = WIDTH;
    const TILE: usize = 6;
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

    fn prefetch(self, kept: &[Self::Kept]) {
        prefetch(kept);
    }

    fn add(self, x: &[RowBlock], columns: &Columns<'_, Self::Columns>, sums: &mut [Sums]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { add(x, columns, sums) }
    }
}

impl<const VNNI: bool> Transpose for Avx<VNNI> {
    #[inline(always)]
    fn transpose<'a>(self, row: impl Fn(usize) -> &'a [f32; DEPTH], out: &mut WeightBlock<WIDTH>) {
        let rows: [&[f32; DEPTH]; WIDTH] = std::array::from_fn(row);
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { transpose(&rows, out) }
    }
}

#[target_feature(enable = "avx2")]
fn transpose(rows: &[&[f32; DEPTH]; WIDTH], out: &mut WeightBlock<WIDTH>) {
    for (part, out) in out.0.as_chunks_mut::<WIDTH>().0.iter_mut().enumerate() {
        let mut square = [_mm256_setzero_ps(); WIDTH];
        for (register, row) in square.iter_mut().zip(rows) {
            *register = load_floats(&row.as_chunks::<WIDTH>().0[part]);
        }
        for (out, register) in out.iter_mut().zip(transposed(square)) {
            store(out, _mm256_castps_si256(register));
        }
    }
}

/// Rows to columns: pairs, then fours, then parts of 128 bits.
#[target_feature(enable = "avx2")]
#[inline]
fn transposed(rows: [__m256; WIDTH]) -> [__m256; WIDTH] {
    let mut fours = rows;
    for (four, rows) in fours.as_chunks_mut::<4>().0.iter_mut().zip(rows.as_chunks::<4>().0) {
        let low = |a, b| _mm256_castps_pd(_mm256_unpacklo_ps(a, b));
        let high = |a, b| _mm256_castps_pd(_mm256_unpackhi_ps(a, b));
        let [a, b, c, d] = *rows;
        let [even, odd] = [[low(a, b), low(c, d)], [high(a, b), high(c, d)]];
        *four = [
            _mm256_castpd_ps(_mm256_unpacklo_pd(even[0], even[1])),
            _mm256_castpd_ps(_mm256_unpackhi_pd(even[0], even[1])),
            _mm256_castpd_ps(_mm256_unpacklo_pd(odd[0], odd[1])),
            _mm256_castpd_ps(_mm256_unpackhi_pd(odd[0], odd[1])),
        ];
    }
    let mut columns = fours;
    for place in 0..4 {
        let (a, b) = (fours[place], fours[4 + place]);
        columns[place] = _mm256_permute2f128_ps::<0x20>(a, b);
        columns[4 + place] = _mm256_permute2f128_ps::<0x31>(a, b);
    }
    columns
}

#[target_feature(enable = "avx2,fma")]
fn add(x: &[RowBlock], columns: &Columns<'_, WeightBlock<WIDTH>>, sums: &mut [Sums]) {
    by_rows!(add_rows, x, columns, sums, 2; 1 2 3 4 5 6);
}

/// Adds the products of `R` rows with `8 · G` columns.
#[target_feature(enable = "avx2,fma")]
fn add_rows<const R: usize, const G: usize>(
    x: &[[RowBlock; R]],
    weights: [&[WeightBlock<WIDTH>]; G],
    out: &mut [Sums; R],
    column: usize,
) {
    let weights = weights.map(|weights| &weights[..x.len()]);
    let mut totals = [[_mm256_setzero_ps(); G]; R];
    for (totals, out) in totals.iter_mut().zip(&*out) {
        for (group, total) in totals.iter_mut().enumerate() {
            *total = sums(out, column, group);
        }
    }
    for (index, x) in x.iter().enumerate() {
        for input in 0..DEPTH {
            let columns = weights.map(|weights| load_floats(&weights[index].0[input]));
            for (totals, x) in totals.iter_mut().zip(x) {
                let x = _mm256_set1_ps(x.0[input]);
                for (total, columns) in totals.iter_mut().zip(columns) {
                    *total = _mm256_fmadd_ps(x, columns, *total);
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
