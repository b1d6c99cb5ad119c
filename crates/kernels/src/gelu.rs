//! GELU with the error function, `x·Φ(x)` (Hendrycks and Gimpel 2016, arXiv 1606.08415).
//!
//! `erf(x/√2)` is `x·P(x²)/Q(x²)` on ±5.6, a minimax fit weighted by |x|. The result is within
//! 1.5e-6, or 1.5e-6 of its value where that is above 1.

use crate::exp::horner;
use crate::instruction_set::{InstructionSet, dispatch};
use crate::lanes::{LANES, Lanes, Simd};

/// Where `Φ` is 0 or 1 as far as f32 can tell beside the tolerance.
const RANGE: f32 = 5.6;

/// Coefficients of P, of the highest power first.
const NUMERATOR: [f32; 5] =
    [1.115_462_1e-5, 3.838_965_7e-4, 9.516_788e-3, 7.320_284e-2, 7.978_835e-1];

/// Coefficients of Q, of the highest power first.
const DENOMINATOR: [f32; 7] = [
    -1.654_123_7e-9,
    7.441_999_5e-7,
    7.796_346e-5,
    1.992_170_5e-3,
    3.000_322_7e-2,
    2.584_073e-1,
    1.0,
];

/// GELU of one value. NaN stays NaN; infinities give infinity or NaN.
pub fn gelu(x: f32) -> f32 {
    let bounded = x.clamp(-RANGE, RANGE);
    let square = bounded * bounded;
    let horner = |coefficients: &[f32]| coefficients.iter().fold(0.0, |sum, c| sum * square + c);
    let erf = (bounded * horner(&NUMERATOR) / horner(&DENOMINATOR)).clamp(-1.0, 1.0);
    let half = 0.5 * x;
    half * erf + half
}

/// Replaces each value by its GELU.
pub fn gelu_in_place(values: &mut [f32]) {
    dispatch!(InstructionSet::available(), simd => {
        simd.vectorize(#[inline(always)] || in_place(simd, values));
    });
}

#[inline(always)]
fn in_place<S: Simd>(simd: S, values: &mut [f32]) {
    let (chunks, rest) = values.as_chunks_mut::<LANES>();
    for chunk in chunks {
        of_lanes(simd.load(chunk)).store(chunk);
    }
    if cfg!(target_family = "wasm") {
        for value in rest {
            *value = gelu(*value);
        }
    } else if !rest.is_empty() {
        // What becomes of a value must not depend on its place.
        let mut last = [0.0; LANES];
        last[..rest.len()].copy_from_slice(rest);
        of_lanes(simd.load(&last)).store(&mut last);
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

/// GELU of each lane.
#[inline(always)]
pub(crate) fn of_lanes<L: Lanes>(x: L) -> L {
    let bounded = bound(x, RANGE);
    let square = bounded.mul(bounded);
    let over = bounded.mul(horner(&NUMERATOR, square));
    let erf = bound(over.div(horner(&DENOMINATOR, square)), 1.0);
    let half = x.mul(x.simd().splat(0.5));
    half.mul_add(erf, half)
}

/// At most `by` away from 0; loses NaN.
#[inline(always)]
fn bound<L: Lanes>(x: L, by: f32) -> L {
    let simd = x.simd();
    simd.splat(-by).max(simd.splat(by).min(x))
}
