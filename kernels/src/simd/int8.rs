use core::arch::wasm32::*;

use super::tile::Totals;
use super::vector::{
    Order, codes, largest, load, multiply_add, quad_dots_add, registers, store, store_repeated,
};
use crate::blocks::{DEPTH, QUAD, SMALLEST};
use crate::int8::{LARGEST_CODE, RowBlock, WeightBlock, ZERO_POINT};
use crate::tile::Sums;

/// A block's codes and scale.
pub(crate) fn quantise(x: &[f32; DEPTH], out: &mut RowBlock) {
    let x = registers(x);
    let largest = largest(&x);
    if !(SMALLEST..=f32::MAX).contains(&largest) {
        *out = RowBlock::ZEROS;
        if !largest.is_finite() {
            out.scale = [f32::NAN; QUAD];
        }
        return;
    }
    let zero_point = u8x16_splat(ZERO_POINT);
    let codes = codes(&x, f32x4_splat(LARGEST_CODE / largest), |a, b| {
        i8x16_add(i8x16_narrow_i16x8(a, b), zero_point)
    });
    store_repeated(codes, &mut out.codes.0);
    store(&mut out.scale, f32x4_splat(largest / LARGEST_CODE));
}

/// Adds the products of `rows` rows with four columns.
pub(crate) fn add(
    x: &[RowBlock],
    rows: usize,
    weights: &[WeightBlock],
    column: usize,
    sums: &mut Sums,
) {
    let totals = Totals::new(sums, column, QUAD);
    by_rows!(rows, add_rows(x, weights, totals));
}

fn add_rows<const R: usize>(x: &[RowBlock], weights: &[WeightBlock], totals: Totals<'_>) {
    for (x, weights) in x.as_chunks::<R>().0.iter().zip(weights) {
        add_block(x, weights, totals);
    }
}

#[inline(always)]
fn add_block<const R: usize>(x: &[RowBlock; R], weights: &WeightBlock, totals: Totals<'_>) {
    let codes = weights.codes.0.each_ref().map(load);
    let correction = load(&weights.correction);
    let mut order = Order::new();
    each_row!(R, row => {
        let x = &x[row];
        let add = |step: usize, sum| quad_dots_add(codes[step], load(&x.codes.0[step]), sum);
        let sum = add(2, add(1, add(0, correction)));
        order.put(sum);
        let sum = add(5, add(4, add(3, sum)));
        order.put(sum);
        let sum = f32x4_convert_i32x4(add(7, add(6, sum)));
        // SAFETY: a tile has `R` rows at least, and four columns from the first one on.
        unsafe {
            totals.set(row, 0, multiply_add(sum, load(&x.scale), totals.get(row, 0)));
        }
    });
}
