use core::arch::wasm32::*;

use super::tile::Totals;
use super::vector::{Order, codes, load, quad_dots_add, registers, store_repeated};
use crate::blocks::{Codes, DEPTH, QUAD};
use crate::int8::{LARGEST_CODE, RowScale, ValueRange};
use crate::tile::Sums;

/// Least and largest of some values and 0.
pub(crate) fn range(values: &[f32]) -> ValueRange {
    let (quads, rest) = values.as_chunks::<4>();
    let (mut least, mut most) = (f32x4_splat(0.0), f32x4_splat(0.0));
    // As integers, floats without their sign are in order, and those that are not finite last.
    let mut bits = i32x4_splat(0);
    for quad in quads {
        let x = load(quad);
        least = f32x4_pmin(least, x);
        most = f32x4_pmax(most, x);
        bits = i32x4_max(bits, f32x4_abs(x));
    }
    let lanes = |x| {
        let mut lanes = [0.0; 4];
        super::vector::store(&mut lanes, x);
        lanes
    };
    let largest = lanes(bits).map(f32::to_bits).into_iter().max().unwrap_or(0);
    let range = ValueRange { finite: f32::from_bits(largest).is_finite(), ..ValueRange::EMPTY };
    range.with(&lanes(least)).with(&lanes(most)).with(rest)
}

/// A block's codes.
pub(crate) fn quantise(scale: RowScale, x: &[f32; DEPTH], out: &mut Codes<u8>) {
    let mut x = registers(x);
    let factor = scale.factor();
    if factor == 0.0 {
        // What is multiplied with it may not be finite.
        x = [f32x4_splat(0.0); 8];
    }
    let zero_point = i16x8_splat(scale.zero_point as i16);
    let codes = codes(&x, f32x4_splat(factor), |a, b| {
        let narrow = u8x16_narrow_i16x8(i16x8_add(a, zero_point), i16x8_add(b, zero_point));
        u8x16_min(narrow, u8x16_splat(LARGEST_CODE as u8))
    });
    store_repeated(codes, &mut out.0);
}

/// Adds the products of `rows` rows with four columns.
pub(crate) fn add(
    x: &[Codes<u8>],
    rows: usize,
    weights: &[Codes<i8>],
    column: usize,
    sums: &mut Sums<i32>,
) {
    let totals = Totals::new(sums, column, QUAD);
    by_rows!(rows, add_rows(x, weights, totals));
}

fn add_rows<const R: usize>(x: &[Codes<u8>], weights: &[Codes<i8>], totals: Totals<'_, i32>) {
    for (x, weights) in x.as_chunks::<R>().0.iter().zip(weights) {
        add_block(x, weights, totals);
    }
}

#[inline(always)]
fn add_block<const R: usize>(x: &[Codes<u8>; R], weights: &Codes<i8>, totals: Totals<'_, i32>) {
    let codes = weights.0.each_ref().map(load);
    let mut order = Order::new();
    for (row, x) in x.iter().enumerate() {
        let add = |step: usize, sum| quad_dots_add(codes[step], load(&x.0[step]), sum);
        // SAFETY: a tile has `R` rows at least, and four columns from the first one on.
        let sum = unsafe { totals.get(row, 0) };
        let sum = add(2, add(1, add(0, sum)));
        order.put(sum);
        let sum = add(5, add(4, add(3, sum)));
        order.put(sum);
        let sum = add(7, add(6, sum));
        // SAFETY: as above.
        unsafe { totals.set(row, 0, sum) };
    }
}
