//! Weights of 4 bits: a multiplication by the scales, a conversion and a fused multiply-add follow the dot products.

use std::arch::aarch64::*;

use super::Neon;
use super::bytes::{Block, Codes, Products, WIDTH};
use super::vector::{load, set_sums, store, sums};
use crate::blocks::int4::{OpenBlock, PackedBlock, RowBlock, ZERO_POINT};
use crate::blocks::{DEPTH, STEPS};
use crate::form::{Form, Int4};
use crate::grid::Columns;
use crate::memory::Memory;
use crate::quantize;
use crate::sums::Sums;

type Kept = PackedBlock<WIDTH, 16>;
type Open = OpenBlock<WIDTH, 16>;

impl<P: Products> Form<Int4> for Neon<P> {
    type Row = RowBlock;
    type Kept = Kept;
    type Columns = Open;
    const WIDTH: usize = WIDTH;
    const TILE: usize = P::TILE;
    const SPAN: usize = 12;

    #[inline(always)]
    fn convert(self, x: &[f32; DEPTH], out: &mut RowBlock) {
        quantize::int4(self, x, out);
    }

    fn open<'a>(self, kept: Columns<'a, Kept>, open: &'a mut Memory) -> Columns<'a, Open> {
        // SAFETY: `self` proves that the processor has the instructions.
        kept.open(open, |kept, open| unsafe { self::open::<P>(kept, open) })
    }

    fn add(self, x: &[RowBlock], columns: &Columns<'_, Open>, sums: &mut [Sums]) {
        self.0.add(x, columns, sums);
    }
}

/// Halves of bytes to signed bytes, and scales to 32 bits.
#[target_feature(enable = "neon")]
fn open<P: Products>(packed: &Kept, out: &mut Open) {
    let low = vdupq_n_u8(15);
    let signed = |codes| vsubq_s8(vreinterpretq_s8_u8(codes), vdupq_n_s8(ZERO_POINT as i8));
    let (lows, highs) = out.codes.split_at_mut(STEPS / 2);
    let (lows, highs) = (lows.as_chunks_mut::<2>().0, highs.as_chunks_mut::<2>().0);
    for ((codes, lows), highs) in packed.codes.as_chunks::<2>().0.iter().zip(lows).zip(highs) {
        let codes = [load(&codes[0]), load(&codes[1])].map(|codes| vreinterpretq_u8_s8(codes));
        // SAFETY: NEON is enabled.
        let (low_codes, high_codes) = unsafe {
            (
                P::arrange(codes.map(|codes| signed(vandq_u8(codes, low)))),
                P::arrange(codes.map(|codes| signed(vshrq_n_u8::<4>(codes)))),
            )
        };
        lows.iter_mut().zip(low_codes).for_each(|(out, codes)| store(out, codes));
        highs.iter_mut().zip(high_codes).for_each(|(out, codes)| store(out, codes));
    }
    for (scale, out) in packed.scales.iter().zip(&mut out.scales) {
        *out = [*scale, *scale >> 15];
    }
}

impl Block for Open {
    type Row = RowBlock;
    /// A product is at most 127 · 8.
    const PRODUCTS_IN_16_BITS: usize = 4;

    #[inline(always)]
    fn codes(&self) -> &Codes {
        &self.codes
    }

    #[target_feature(enable = "neon")]
    #[inline]
    unsafe fn row_codes(x: &RowBlock, half: usize) -> int8x16_t {
        load(&x.codes.as_chunks::<16>().0[half])
    }

    #[target_feature(enable = "neon")]
    #[inline]
    unsafe fn finish<const R: usize, const G: usize>(
        x: &[RowBlock; R],
        dots: [[int32x4_t; G]; R],
        weights: [&Self; G],
        out: &mut [Sums; R],
        column: usize,
    ) {
        for ((out, dots), x) in out.iter_mut().zip(dots).zip(x) {
            for (group, dot) in dots.into_iter().enumerate() {
                let scales = vreinterpretq_s32_s8(load(&weights[group].scales));
                let dot = vcvtq_f32_s32(vmulq_s32(dot, scales));
                let total = vfmaq_n_f32(sums(out, column, group), dot, x.scale);
                set_sums(out, column, group, total);
            }
        }
    }
}
