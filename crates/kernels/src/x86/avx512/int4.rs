//! Weights of 4 bits: 11 instructions for 32 inputs of 16 columns.

use std::arch::x86_64::*;

use super::Avx512;
use super::vector::{broadcast, load, load_sums, prefetch, step, store, store_sums};
use crate::blocks::int4::{OpenBlock, PackedBlock, RowBlock};
use crate::blocks::{DEPTH, STEPS};
use crate::form::{Form, Int4};
use crate::grid::Columns;
use crate::memory::Memory;
use crate::quantize;
use crate::rows::by_rows;
use crate::sums::Sums;

const WIDTH: usize = 16;

impl Form<Int4> for Avx512 {
    type Row = RowBlock;
    type Kept = PackedBlock<WIDTH, 64>;
    type Columns = OpenBlock<WIDTH, 64>;
    const WIDTH: usize = WIDTH;
    const TILE: usize = 6;
    const SPAN: usize = 12;

    #[inline(always)]
    fn convert(self, x: &[f32; DEPTH], out: &mut RowBlock) {
        quantize::int4(self, x, out);
    }

    fn open<'a>(
        self,
        kept: Columns<'a, Self::Kept>,
        open: &'a mut Memory,
    ) -> Columns<'a, Self::Columns> {
        // SAFETY: `self` proves that the processor has the instructions.
        kept.open(open, |kept, open| unsafe { self::open(kept, open) })
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
fn add(x: &[RowBlock], columns: &Columns<'_, OpenBlock<WIDTH, 64>>, sums: &mut [Sums]) {
    by_rows!(add_rows, x, columns, sums, 2; 1 2 3 4 5 6);
}

/// Halves of bytes to bytes.
#[target_feature(enable = "avx512f,avx512bw")]
fn open(packed: &PackedBlock<WIDTH, 64>, out: &mut OpenBlock<WIDTH, 64>) {
    let low = _mm512_set1_epi8(15);
    let (lows, highs) = out.codes.split_at_mut(STEPS / 2);
    for ((codes, low_out), high_out) in packed.codes.iter().zip(lows).zip(highs) {
        let codes = load(codes);
        store(low_out, _mm512_and_si512(codes, low));
        store(high_out, _mm512_and_si512(_mm512_srli_epi16::<4>(codes), low));
    }
    for (scale, out) in packed.scales.iter().zip(&mut out.scales) {
        *out = [*scale, 0];
    }
}

/// Adds the products of `R` rows with `16 · G` columns.
///
/// Dot products are below 2¹⁵, so that their low halves are they themselves, and the multiplication of 16 bits by the scales
/// is exact.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn add_rows<const R: usize, const G: usize>(
    x: &[[RowBlock; R]],
    weights: [&[OpenBlock<WIDTH, 64>]; G],
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
        for (dots, x) in dots.iter_mut().zip(x) {
            *dots = [broadcast(&x.correction); G];
        }
        for place in 0..STEPS {
            let codes = weights.map(|weights| load(&weights[index].codes[place]));
            for (dots, x) in dots.iter_mut().zip(x) {
                let x = step(&x.codes, place);
                for (dot, codes) in dots.iter_mut().zip(codes) {
                    *dot = _mm512_dpbusd_epi32(*dot, codes, x);
                }
            }
        }
        let scales = weights.map(|weights| load(&weights[index].scales));
        for ((totals, dots), x) in totals.iter_mut().zip(dots).zip(x) {
            let scale = _mm512_set1_ps(x.scale);
            for ((total, dot), scales) in totals.iter_mut().zip(dots).zip(scales) {
                let dot = _mm512_cvtepi32_ps(_mm512_madd_epi16(dot, scales));
                *total = _mm512_fmadd_ps(dot, scale, *total);
            }
        }
    }
    for (totals, sums) in totals.into_iter().zip(sums) {
        store_sums(sums, column, totals);
    }
}
