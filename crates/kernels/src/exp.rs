//! Powers of two.

use crate::lanes::{Lanes, Simd as _};

/// Below it results are no normal numbers any more.
const LEAST: f32 = -125.0;
/// Numbers near it are integers, and the low bits of `SHIFT + n` are `n + 127`: the exponent of 2ⁿ.
const SHIFT: f32 = 12_582_912.0 + 127.0;

/// 2ˣ on ±1/2, minimax, the coefficient of the highest power first: within 8e-8 of its value.
const COEFFICIENTS: [f32; 6] =
    [1.327_647_2e-3, 9.675_541e-3, 5.550_713e-2, 2.402_212e-1, 6.931_469_4e-1, 1.000_000_1];

/// Two to the power of each lane, which is at most 0, within two units in the last place; lanes below -125 count
/// as that.
#[inline(always)]
pub(crate) fn exp2<L: Lanes>(x: L) -> L {
    let simd = x.simd();
    let x = x.max(simd.splat(LEAST));
    let shifted = x.add(simd.splat(SHIFT));
    let rest = x.sub(shifted.sub(simd.splat(SHIFT)));
    horner(&COEFFICIENTS, rest).mul(shifted.low_bits_as_exponent())
}

/// A polynomial; the coefficient of the highest power is the first.
#[inline(always)]
pub(crate) fn horner<L: Lanes, const N: usize>(coefficients: &[f32; N], x: L) -> L {
    let mut sum = x.simd().splat(coefficients[0]);
    for &coefficient in &coefficients[1..] {
        sum = sum.mul_add(x, x.simd().splat(coefficient));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instruction_set::{InstructionSet, dispatch};
    use crate::lanes::LANES;

    fn of(x: f32) -> f32 {
        let mut lanes = [0.0; LANES];
        dispatch!(InstructionSet::available(), simd => {
            exp2(simd.splat(x)).store(&mut lanes);
        });
        lanes[0]
    }

    #[test]
    fn powers_agree_with_the_standard_library() {
        for step in 0..250_000 {
            let x = step as f32 * -5e-4;
            let (found, expected) = (f64::from(of(x)), f64::from(x).exp2());
            assert!((found - expected).abs() <= 2.5e-7 * expected, "2^{x} = {found}");
        }
    }

    #[test]
    fn what_is_too_small_or_no_number_stays_so() {
        assert!(of(f32::MIN) < 3e-38 && of(f32::NEG_INFINITY) < 3e-38);
        assert!(of(f32::NAN).is_nan());
        assert!((of(0.0) - 1.0).abs() <= f32::EPSILON);
    }
}
