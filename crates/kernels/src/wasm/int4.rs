use core::arch::wasm32::*;

use super::rows::Int4Row;
use super::totals::Totals;
use super::vector::{
    Order, codes, largest, load, multiply_add, pair_dots, registers, store, store_repeated,
};
use crate::blocks::int4::{LARGEST, OpenBlock, PackedBlock};
use crate::blocks::{DEPTH, QUAD, SMALLEST, STEPS};

/// Halves of bytes to bytes.
#[inline(always)]
pub(crate) fn open(packed: &PackedBlock<QUAD, 16>, out: &mut OpenBlock<QUAD, 16>) {
    let low = u8x16_splat(15);
    let (lows, highs) = out.codes.split_at_mut(STEPS / 2);
    for ((codes, low_out), high_out) in packed.codes.iter().zip(lows).zip(highs) {
        let codes = load(codes);
        store(low_out, v128_and(codes, low));
        store(high_out, v128_and(u16x8_shr(codes, 4), low));
    }
    // SAFETY: four scales are 8 bytes.
    let scales = unsafe { v128_load64_zero(packed.scales.as_ptr().cast()) };
    store(&mut out.scales, i16x8_shuffle::<0, 0, 1, 1, 2, 2, 3, 3>(scales, scales));
}

/// A block's codes, correction and scale.
pub(crate) fn quantize(x: &[f32; DEPTH], out: &mut Int4Row) {
    let x = registers(x);
    let largest = largest(&x);
    if !(SMALLEST..=f32::MAX).contains(&largest) {
        *out = Int4Row::ZEROS;
        if !largest.is_finite() {
            out.scale = [f32::NAN; QUAD];
        }
        return;
    }
    let codes = codes(&x, f32x4_splat(LARGEST / largest), |a, b| i8x16_narrow_i16x8(a, b));
    store_repeated(codes, &mut out.codes);
    let pairs =
        i16x8_add(i16x8_extadd_pairwise_i8x16(codes[0]), i16x8_extadd_pairwise_i8x16(codes[1]));
    let pairs = i16x8_add(pairs, i32x4_shuffle::<2, 3, 0, 1>(pairs, pairs));
    let pairs = i16x8_add(pairs, i32x4_shuffle::<1, 0, 3, 2>(pairs, pairs));
    store(&mut out.correction, i16x8_neg(i16x8_shl(pairs, 3)));
    store(&mut out.scale, f32x4_splat(largest / LARGEST));
}

/// Adds the products of a block of `R` rows with four columns.
///
/// Sums of even and of odd pairs stand side by side in 16 bits: 16 products of at most 127 · 15, less
/// the zero point's part, which is where they start. The scale of a column makes them one.
#[inline(always)]
pub(crate) fn add_block<const R: usize>(
    x: &[Int4Row; R],
    weights: &OpenBlock<QUAD, 16>,
    totals: Totals<'_>,
) {
    let codes = weights.codes.each_ref().map(load);
    let scales = load(&weights.scales);
    let mut order = Order::new();
    each_row!(R, row => {
        let x = &x[row];
        let dot = |step: usize| pair_dots(load(&x.codes[step]), codes[step]);
        let sum = i16x8_add(i16x8_add(load(&x.correction), dot(0)), i16x8_add(dot(1), dot(2)));
        order.put(sum);
        let sum = i16x8_add(i16x8_add(i16x8_add(sum, dot(3)), dot(4)), dot(5));
        order.put(sum);
        let sum = i16x8_add(i16x8_add(sum, dot(6)), dot(7));
        order.put(sum);
        let sum = f32x4_convert_i32x4(i32x4_dot_i16x8(sum, scales));
        // SAFETY: a tile has `R` rows at least, and four columns from the first one on.
        unsafe {
            totals.set(row, 0, multiply_add(sum, load(&x.scale), totals.get(row, 0)));
        }
    });
}
