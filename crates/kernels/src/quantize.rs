//! Codes of rows, as vectors compute them: the same as those of `blocks`.

use crate::blocks::{DEPTH, SMALLEST, int4, int8};
use crate::lanes::{Codes, LANES, Lanes, Simd};

/// For weights of 4 bits.
#[inline(always)]
pub(crate) fn int4<S: Simd<Lanes: Codes>>(simd: S, x: &[f32; DEPTH], out: &mut int4::RowBlock) {
    let [a, b] = load(simd, x);
    let largest = a.magnitude(b);
    if !(SMALLEST..=f32::MAX).contains(&largest) {
        *out = int4::RowBlock::ZEROS;
        if !largest.is_finite() {
            out.scale = f32::NAN;
        }
        return;
    }
    let factor = simd.splat(int4::LARGEST / largest);
    let (a, b) = (a.mul(factor).round(), b.mul(factor).round());
    store(a, b, &mut out.codes);
    out.halves = a.pair_sums(b).map(|sum| -int4::ZERO_POINT * sum);
    out.correction = i32::from(out.halves[0]) + i32::from(out.halves[1]);
    out.scale = largest / int4::LARGEST;
}

/// For weights of 8 bits.
#[inline(always)]
pub(crate) fn int8<S: Simd<Lanes: Codes>>(simd: S, x: &[f32; DEPTH], out: &mut int8::RowBlock) {
    let [a, b] = load(simd, x);
    let [least, most] = a.extremes(b);
    let (least, most) = (least.min(0.0), most.max(0.0));
    let scale = (most - least) / int8::LARGEST;
    let finite = a.magnitude(b).is_finite() && scale.is_finite();
    if !finite || scale < SMALLEST {
        *out = int8::RowBlock::ZEROS;
        if !finite {
            out.scale = f32::NAN;
        }
        return;
    }
    let factor = 1.0 / scale;
    let zero_point = (-least * factor).round_ties_even();
    let (factor, shift) = (simd.splat(factor), simd.splat(zero_point));
    let mut codes = [0; DEPTH];
    store(shifted(a, factor, shift), shifted(b, factor, shift), &mut codes);
    out.codes = codes.map(|code| code as u8);
    out.offset = -zero_point;
    out.scale = scale;
}

#[inline(always)]
fn shifted<L: Lanes>(x: L, factor: L, shift: L) -> L {
    let (least, most) = (x.simd().splat(0.0), x.simd().splat(int8::LARGEST));
    x.mul(factor).round().add(shift).max(least).min(most)
}

#[inline(always)]
fn load<S: Simd>(simd: S, x: &[f32; DEPTH]) -> [S::Lanes; 2] {
    let (halves, _) = x.as_chunks::<LANES>();
    [simd.load(&halves[0]), simd.load(&halves[1])]
}

#[inline(always)]
fn store<L: Codes>(a: L, b: L, out: &mut [i8; DEPTH]) {
    let (halves, _) = out.as_chunks_mut::<LANES>();
    a.store_codes(&mut halves[0]);
    b.store_codes(&mut halves[1]);
}
