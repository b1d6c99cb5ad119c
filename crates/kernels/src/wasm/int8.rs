use core::arch::wasm32::*;

use super::rows::Int8Row;
use super::totals::Totals;
use super::vector::{
    Order, codes, largest, load, multiply_add, quad_dots_add, registers, store, store_repeated,
};
use crate::blocks::int8::{LARGEST, WeightBlock};
use crate::blocks::{DEPTH, QUAD, SMALLEST};

/// A block's codes, zero point and scale.
pub(crate) fn quantize(x: &[f32; DEPTH], out: &mut Int8Row) {
    let x = registers(x);
    let zero = f32x4_splat(0.0);
    let least =
        across(x.iter().fold(zero, |least, &x| f32x4_pmin(least, x)), |a, b| f32x4_pmin(a, b));
    let most = across(x.iter().fold(zero, |most, &x| f32x4_pmax(most, x)), |a, b| f32x4_pmax(a, b));
    let scale = (most - least) / LARGEST;
    let finite = largest(&x).is_finite() && scale.is_finite();
    if !finite || scale < SMALLEST {
        *out = Int8Row::ZEROS;
        if !finite {
            out.scale = [f32::NAN; QUAD];
        }
        return;
    }
    let factor = 1.0 / scale;
    let zero_point = f32x4_nearest(f32x4_splat(-least * factor));
    let shift = i16x8_splat(f32x4_extract_lane::<0>(zero_point) as i16);
    let codes = codes(&x, f32x4_splat(factor), |a, b| {
        let narrow = u8x16_narrow_i16x8(i16x8_add(a, shift), i16x8_add(b, shift));
        u8x16_min(narrow, u8x16_splat(LARGEST as u8))
    });
    store_repeated(codes, &mut out.codes);
    store(&mut out.offset, f32x4_neg(zero_point));
    store(&mut out.scale, f32x4_splat(scale));
}

/// One value of all four lanes.
#[inline(always)]
fn across(x: v128, join: impl Fn(v128, v128) -> v128) -> f32 {
    let x = join(x, i32x4_shuffle::<2, 3, 0, 1>(x, x));
    f32x4_extract_lane::<0>(join(x, i32x4_shuffle::<1, 0, 3, 2>(x, x)))
}

/// Adds the products of a block of `R` rows with four columns.
#[inline(always)]
pub(crate) fn add_block<const R: usize>(
    x: &[Int8Row; R],
    weights: &WeightBlock<QUAD, 16>,
    totals: Totals<'_>,
) {
    let codes = weights.codes.each_ref().map(load);
    let scales = load(&weights.scales);
    // SAFETY: four of 16 bits are 8 bytes.
    let codes_sums = unsafe { i32x4_load_extend_i16x4(weights.totals.as_ptr()) };
    let codes_sums = f32x4_mul(f32x4_convert_i32x4(codes_sums), scales);
    let mut order = Order::new();
    each_row!(R, row => {
        let x = &x[row];
        let add = |step: usize, sum| quad_dots_add(codes[step], load(&x.codes[step]), sum);
        let sum = add(2, add(1, add(0, i32x4_splat(0))));
        order.put(sum);
        let sum = add(5, add(4, add(3, sum)));
        order.put(sum);
        let sum = f32x4_mul(f32x4_convert_i32x4(add(7, add(6, sum))), scales);
        let sum = multiply_add(load(&x.offset), codes_sums, sum);
        // SAFETY: a tile has `R` rows at least, and four columns from the first one on.
        unsafe {
            totals.set(row, 0, multiply_add(sum, load(&x.scale), totals.get(row, 0)));
        }
    });
}
