//! The exponential function.

use crate::lanes::{Lanes, Simd as _};

/// Below it results are no normal numbers any more.
const LEAST: f32 = -87.0;
/// Above it results are infinite.
const MOST: f32 = 88.0;
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;
/// Minimax on ±ln 2 / 2: the coefficients of Cephes' `expf`, that of the highest power first.
const COEFFICIENTS: [f32; 6] =
    [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];

/// `e` to the power of each lane, within three units in the last place; lanes beyond -87 and 88
/// count as these.
#[inline(always)]
pub(crate) fn exp<L: Lanes>(x: L) -> L {
    let simd = x.simd();
    let x = x.max(simd.splat(LEAST)).min(simd.splat(MOST));
    let power = x.mul(simd.splat(std::f32::consts::LOG2_E)).round();
    let rest = power.mul_add(simd.splat(-LN_2_HIGH), x);
    let rest = power.mul_add(simd.splat(-LN_2_LOW), rest);
    let polynomial = horner(&COEFFICIENTS, rest);
    let square = rest.mul(rest);
    let mantissa = polynomial.mul_add(square, rest).add(simd.splat(1.0));
    mantissa.mul(power.exp2())
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
            exp(simd.splat(x)).store(&mut lanes);
        });
        lanes[0]
    }

    #[test]
    fn exponentials_agree_with_the_standard_library() {
        for step in 0..350_000 {
            let x = 88.0 - step as f32 * 5e-4;
            let (found, expected) = (f64::from(of(x)), f64::from(x).exp());
            assert!((found - expected).abs() <= 4e-7 * expected, "exp({x}) = {found}");
        }
    }

    #[test]
    fn what_is_too_small_or_no_number_stays_so() {
        assert!(of(f32::MIN) < 2e-38 && of(f32::NEG_INFINITY) < 2e-38);
        assert!(of(f32::NAN).is_nan());
        assert_eq!(of(0.0), 1.0);
    }
}
