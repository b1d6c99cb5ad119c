//! What vector registers do, lane by lane.

use super::Scalar;
use crate::blocks::multiply_add;
use crate::lanes::{LANES, Lanes, Simd};

impl Simd for Scalar {
    type Lanes = Array;

    #[inline(always)]
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        f()
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Array {
        Array { lanes: [value; LANES], simd: self }
    }

    #[inline(always)]
    fn load(self, values: &[f32; LANES]) -> Array {
        Array { lanes: *values, simd: self }
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Array {
    lanes: [f32; LANES],
    simd: Scalar,
}

impl Array {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let lanes = std::array::from_fn(|lane| f(self.lanes[lane], other.lanes[lane]));
        Self { lanes, ..self }
    }
}

impl Lanes for Array {
    type Simd = Scalar;

    #[inline(always)]
    fn simd(self) -> Scalar {
        self.simd
    }

    #[inline(always)]
    fn store(self, values: &mut [f32; LANES]) {
        *values = self.lanes;
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, summand: Self) -> Self {
        let compute = if self.simd.fused { multiply_add::<true> } else { multiply_add::<false> };
        let lane = |lane: usize| compute(self.lanes[lane], factor.lanes[lane], summand.lanes[lane]);
        Self { lanes: std::array::from_fn(lane), ..self }
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { b } else { a })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if b < a { b } else { a })
    }

    #[cfg(not(target_family = "wasm"))]
    #[inline(always)]
    fn round(self) -> Self {
        Self { lanes: self.lanes.map(f32::round_ties_even), ..self }
    }

    #[inline(always)]
    fn low_bits_as_exponent(self) -> Self {
        Self { lanes: self.lanes.map(|lane| f32::from_bits(lane.to_bits() << 23)), ..self }
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        self.lanes[1..].iter().fold(self.lanes[0], |most, lane| most.max(*lane))
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        let mut sums = self.lanes;
        let mut half = LANES / 2;
        while half > 0 {
            for lane in 0..half {
                sums[lane] += sums[lane + half];
            }
            half /= 2;
        }
        sums[0]
    }
}
