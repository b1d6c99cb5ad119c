//! Weights of f32: two instructions for an input of 32 columns.

use std::arch::x86_64::*;

use super::Avx512;
use super::vector::{load_floats, load_sums, prefetch, store_floats, store_sums};
use crate::blocks::DEPTH;
use crate::blocks::float::{RowBlock, WeightBlock};
use crate::form::{Float, Form, Transpose};
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

    fn prefetch(self, kept: &[Self::Kept]) {
        prefetch(kept);
    }

    fn add(self, x: &[RowBlock], columns: &Columns<'_, Self::Columns>, sums: &mut [Sums]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { add(x, columns, sums) }
    }
}

impl Transpose for Avx512 {
    #[inline(always)]
    fn transpose<'a>(self, row: impl Fn(usize) -> &'a [f32; DEPTH], out: &mut WeightBlock<WIDTH>) {
        let rows: [&[f32; DEPTH]; WIDTH] = std::array::from_fn(row);
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { transpose(&rows, out) }
    }
}

#[target_feature(enable = "avx512f")]
fn transpose(rows: &[&[f32; DEPTH]; WIDTH], out: &mut WeightBlock<WIDTH>) {
    for (half, out) in out.0.as_chunks_mut::<WIDTH>().0.iter_mut().enumerate() {
        let mut square = [_mm512_setzero_ps(); WIDTH];
        for (register, row) in square.iter_mut().zip(rows) {
            *register = load_floats(&row.as_chunks::<WIDTH>().0[half]);
        }
        for (out, register) in out.iter_mut().zip(transposed(square)) {
            store_floats(out, register);
        }
    }
}

/// Rows to columns: pairs, then fours, then parts of 128 bits.
#[target_feature(enable = "avx512f")]
#[inline]
fn transposed(rows: [__m512; WIDTH]) -> [__m512; WIDTH] {
    let mut fours = rows;
    for (four, rows) in fours.as_chunks_mut::<4>().0.iter_mut().zip(rows.as_chunks::<4>().0) {
        let low = |a, b| _mm512_castps_pd(_mm512_unpacklo_ps(a, b));
        let high = |a, b| _mm512_castps_pd(_mm512_unpackhi_ps(a, b));
        let [a, b, c, d] = *rows;
        let [even, odd] = [[low(a, b), low(c, d)], [high(a, b), high(c, d)]];
        *four = [
            _mm512_castpd_ps(_mm512_unpacklo_pd(even[0], even[1])),
            _mm512_castpd_ps(_mm512_unpackhi_pd(even[0], even[1])),
            _mm512_castpd_ps(_mm512_unpacklo_pd(odd[0], odd[1])),
            _mm512_castpd_ps(_mm512_unpackhi_pd(odd[0], odd[1])),
        ];
    }
    let mut columns = fours;
    for place in 0..4 {
        let [a, b, c, d] = [fours[place], fours[4 + place], fours[8 + place], fours[12 + place]];
        let (even, odd) = (_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xdd>(a, b));
        let (more_even, more_odd) =
            (_mm512_shuffle_f32x4::<0x88>(c, d), _mm512_shuffle_f32x4::<0xdd>(c, d));
        columns[place] = _mm512_shuffle_f32x4::<0x88>(even, more_even);
        columns[4 + place] = _mm512_shuffle_f32x4::<0x88>(odd, more_odd);
        columns[8 + place] = _mm512_shuffle_f32x4::<0xdd>(even, more_even);
        columns[12 + place] = _mm512_shuffle_f32x4::<0xdd>(odd, more_odd);
    }
    columns
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
