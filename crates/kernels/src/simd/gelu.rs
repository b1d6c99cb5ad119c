use core::arch::wasm32::*;

use super::vector::{load, multiply_add, store};
use crate::gelu::{DENOMINATOR, NUMERATOR, RANGE};

/// Replaces values by their GELU, four at a time; what remains is returned.
pub(crate) fn gelu(values: &mut [f32]) -> &mut [f32] {
    let (quads, rest) = values.as_chunks_mut::<4>();
    for quad in quads {
        let gelu = gelu_of_four(load(quad));
        store(quad, gelu);
    }
    rest
}

#[inline(always)]
fn gelu_of_four(x: v128) -> v128 {
    let bounded = bound(x, RANGE);
    let square = f32x4_mul(bounded, bounded);
    let over = f32x4_mul(bounded, horner(&NUMERATOR, square));
    let erf = bound(f32x4_div(over, horner(&DENOMINATOR, square)), 1.0);
    let half = f32x4_mul(x, f32x4_splat(0.5));
    multiply_add(half, erf, half)
}

/// At most `by` away from 0. These minima and maxima are one instruction each, and lose NaN.
#[inline(always)]
fn bound(x: v128, by: f32) -> v128 {
    f32x4_pmax(f32x4_splat(-by), f32x4_pmin(f32x4_splat(by), x))
}

#[inline(always)]
fn horner<const N: usize>(coefficients: &[f32; N], x: v128) -> v128 {
    let mut sum = f32x4_splat(coefficients[0]);
    for &coefficient in &coefficients[1..] {
        sum = multiply_add(sum, x, f32x4_splat(coefficient));
    }
    sum
}
