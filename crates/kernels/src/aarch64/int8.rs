//! Weights of 8 bits: a conversion, a multiplication by the scales and two fused multiply-adds follow the dot products.

use std::arch::aarch64::*;

use super::Neon;
use super::bytes::{Block, Codes, Products, WIDTH};
use super::vector::{load, load_floats, load_totals, set_sums, sums};
use crate::blocks::DEPTH;
use crate::blocks::int8::{Pack, RowBlock, WeightBlock};
use crate::form::{Form, Int8};
use crate::grid::Columns;
use crate::memory::{Memory, plain};
use crate::quantize;
use crate::sums::Sums;

/// A block with its codes in steps of four inputs.
pub(super) type InSteps = WeightBlock<WIDTH, 16>;

/// A block with its codes in pairs of columns, of eight inputs each.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub(crate) struct InPairs(InSteps);

plain! { InPairs: size_of::<InSteps>(); }

impl Pack for InPairs {
    fn set(&mut self, column: usize, scale: f32, codes: &[i8; DEPTH]) {
        self.0.set_scale(column, scale, codes);
        let (pair, place) = (column / 2, column % 2 * 8);
        for (octet, codes) in codes.as_chunks::<8>().0.iter().enumerate() {
            self.0.codes[2 * octet + pair][place..][..8].copy_from_slice(codes);
        }
    }
}

impl<P: Products> Form<Int8> for Neon<P> {
    type Row = RowBlock;
    type Kept = P::Int8;
    type Columns = P::Int8;
    const WIDTH: usize = WIDTH;
    const TILE: usize = P::TILE;
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

    fn add(self, x: &[RowBlock], columns: &Columns<'_, Self::Columns>, sums: &mut [Sums]) {
        self.0.add(x, columns, sums);
    }
}

impl Block for InSteps {
    type Row = RowBlock;
    /// A product is at most 127 · 128.
    const PRODUCTS_IN_16_BITS: usize = 2;

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
}

impl Block for InPairs {
    type Row = RowBlock;
    const PRODUCTS_IN_16_BITS: usize = InSteps::PRODUCTS_IN_16_BITS;

    #[inline(always)]
    fn codes(&self) -> &Codes {
        self.0.codes()
    }

    #[target_feature(enable = "neon")]
    #[inline]
    unsafe fn row_codes(x: &RowBlock, half: usize) -> int8x16_t {
        // SAFETY: NEON is enabled.
        unsafe { InSteps::row_codes(x, half) }
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
        // SAFETY: NEON is enabled.
        unsafe { InSteps::finish(x, dots, weights.map(|weights| &weights.0), out, column) }
    }
}
