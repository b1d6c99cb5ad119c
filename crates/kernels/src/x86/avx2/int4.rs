//! Weights of 4 bits.

use std::arch::x86_64::*;

use super::Avx;
use super::vector::{load, prefetch, set_sums, step, store, sums};
use crate::blocks::int4::{OpenBlock, PackedBlock, RowBlock};
use crate::blocks::{DEPTH, STEPS};
use crate::form::{Form, Int4};
use crate::grid::Columns;
use crate::memory::Memory;
use crate::quantize;
use crate::rows::by_rows;
use crate::sums::Sums;

const WIDTH: usize = 8;

type Kept = PackedBlock<WIDTH, 32>;
type Open = OpenBlock<WIDTH, 32>;

impl<const VNNI: bool> Form<Int4> for Avx<VNNI> {
    type Row = RowBlock;
    type Kept = Kept;
    type Columns = Open;
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
        kept.open(open, |kept, open| unsafe { self::open::<VNNI>(kept, open) })
    }

    fn prefetch(self, kept: &[Self::Kept]) {
        prefetch(kept);
    }

    fn add(self, x: &[RowBlock], columns: &Columns<'_, Open>, sums: &mut [Sums]) {
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

/// Halves of bytes to bytes.
#[target_feature(enable = "avx2")]
fn open<const VNNI: bool>(packed: &Kept, out: &mut Open) {
    let low = _mm256_set1_epi8(15);
    let (lows, highs) = out.codes.split_at_mut(STEPS / 2);
    for ((codes, low_out), high_out) in packed.codes.iter().zip(lows).zip(highs) {
        let codes = load(codes);
        store(low_out, _mm256_and_si256(codes, low));
        store(high_out, _mm256_and_si256(_mm256_srli_epi16::<4>(codes), low));
    }
    for (scale, out) in packed.scales.iter().zip(&mut out.scales) {
        *out = [*scale, if VNNI { 0 } else { *scale }];
    }
}

#[target_feature(enable = "avx2,fma,avxvnni")]
fn add_vnni(x: &[RowBlock], columns: &Columns<'_, Open>, sums: &mut [Sums]) {
    by_rows!(add_rows_vnni, x, columns, sums, 2; 1 2 3 4 5 6);
}

#[target_feature(enable = "avx2,fma")]
fn add(x: &[RowBlock], columns: &Columns<'_, Open>, sums: &mut [Sums]) {
    by_rows!(add_rows, x, columns, sums, 2; 1 2 3 4 5 6);
}

/// Adds the products of `R` rows with `8 · G` columns: 11 instructions for 32 inputs of eight columns.
///
/// Dot products are below 2¹⁵, so that their low halves are they themselves, and the multiplication of 16 bits by the scales
/// is exact.
#[target_feature(enable = "avx2,fma,avxvnni")]
fn add_rows_vnni<const R: usize, const G: usize>(
    x: &[[RowBlock; R]],
    weights: [&[Open]; G],
    sums: &mut [Sums; R],
    column: usize,
) {
    let weights = weights.map(|weights| &weights[..x.len()]);
    for (index, x) in x.iter().enumerate() {
        let mut dots = [[_mm256_setzero_si256(); G]; R];
        for (dots, x) in dots.iter_mut().zip(x) {
            *dots = [_mm256_set1_epi32(x.correction); G];
        }
        for place in 0..STEPS {
            let codes = weights.map(|weights| load(&weights[index].codes[place]));
            for (dots, x) in dots.iter_mut().zip(x) {
                let x = step(&x.codes, place);
                for (dot, codes) in dots.iter_mut().zip(codes) {
                    *dot = _mm256_dpbusd_avx_epi32(*dot, codes, x);
                }
            }
        }
        let scales = weights.map(|weights| load(&weights[index].scales));
        finish(x, dots, scales, sums, column);
    }
}

/// The same with 19 instructions.
///
/// Sums of even and of odd pairs stand side by side in 16 bits: 16 products of at most 127 · 15, less
/// the zero point's part, which is where they start. The scale of a column makes them one.
#[target_feature(enable = "avx2,fma")]
fn add_rows<const R: usize, const G: usize>(
    x: &[[RowBlock; R]],
    weights: [&[Open]; G],
    sums: &mut [Sums; R],
    column: usize,
) {
    let weights = weights.map(|weights| &weights[..x.len()]);
    for (index, x) in x.iter().enumerate() {
        let mut dots = [[_mm256_setzero_si256(); G]; R];
        for (dots, x) in dots.iter_mut().zip(x) {
            let [even, odd] = x.halves;
            *dots = [_mm256_set1_epi32(i32::from(even as u16) | i32::from(odd) << 16); G];
        }
        for place in 0..STEPS {
            let codes = weights.map(|weights| load(&weights[index].codes[place]));
            for (dots, x) in dots.iter_mut().zip(x) {
                let x = step(&x.codes, place);
                for (dot, codes) in dots.iter_mut().zip(codes) {
                    *dot = _mm256_add_epi16(*dot, _mm256_maddubs_epi16(codes, x));
                }
            }
        }
        let scales = weights.map(|weights| load(&weights[index].scales));
        finish(x, dots, scales, sums, column);
    }
}

/// Scales dot products and adds them to the sums.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn finish<const R: usize, const G: usize>(
    x: &[RowBlock; R],
    dots: [[__m256i; G]; R],
    scales: [__m256i; G],
    out: &mut [Sums; R],
    column: usize,
) {
    for ((out, dots), x) in out.iter_mut().zip(dots).zip(x) {
        let scale = _mm256_set1_ps(x.scale);
        for (group, (dot, scales)) in dots.into_iter().zip(scales).enumerate() {
            let dot = _mm256_cvtepi32_ps(_mm256_madd_epi16(dot, scales));
            let total = _mm256_fmadd_ps(dot, scale, sums(out, column, group));
            set_sums(out, column, group, total);
        }
    }
}
