//! A vector register.

use std::arch::wasm32::*;

use super::WebAssembly;
use crate::lanes::{LANES, Lanes, Simd};

impl Simd for WebAssembly {
    type Lanes = Register;

    #[inline(always)]
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        f()
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Register {
        Register(f32x4_splat(value))
    }

    #[inline(always)]
    fn load(self, values: &[f32; LANES]) -> Register {
        // SAFETY: 16 bytes are read of 16 that may be; v128.load takes any alignment.
        Register(unsafe { v128_load(values.as_ptr().cast()) })
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Register(v128);

impl Register {
    /// Rows to columns.
    #[inline(always)]
    pub(crate) fn transpose([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        let ab_low = i32x4_shuffle::<0, 4, 1, 5>(a.0, b.0);
        let ab_high = i32x4_shuffle::<2, 6, 3, 7>(a.0, b.0);
        let cd_low = i32x4_shuffle::<0, 4, 1, 5>(c.0, d.0);
        let cd_high = i32x4_shuffle::<2, 6, 3, 7>(c.0, d.0);
        [
            Self(i64x2_shuffle::<0, 2>(ab_low, cd_low)),
            Self(i64x2_shuffle::<1, 3>(ab_low, cd_low)),
            Self(i64x2_shuffle::<0, 2>(ab_high, cd_high)),
            Self(i64x2_shuffle::<1, 3>(ab_high, cd_high)),
        ]
    }
}

impl Lanes for Register {
    type Simd = WebAssembly;

    #[inline(always)]
    fn simd(self) -> WebAssembly {
        WebAssembly
    }

    #[inline(always)]
    fn store(self, values: &mut [f32; LANES]) {
        // SAFETY: 16 bytes are written of 16 that may be; v128.store takes any alignment.
        unsafe { v128_store(values.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(f32x4_add(self.0, other.0))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(f32x4_sub(self.0, other.0))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(f32x4_mul(self.0, other.0))
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self(f32x4_div(self.0, other.0))
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, summand: Self) -> Self {
        #[cfg(target_feature = "relaxed-simd")]
        return Self(f32x4_relaxed_madd(self.0, factor.0, summand.0));
        #[cfg(not(target_feature = "relaxed-simd"))]
        self.mul(factor).add(summand)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // One instruction on x86-64, where f32x4.max is seven.
        Self(f32x4_pmax(self.0, other.0))
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(f32x4_pmin(self.0, other.0))
    }

    #[inline(always)]
    fn low_bits_as_exponent(self) -> Self {
        Self(i32x4_shl(self.0, 23))
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        let mut values = [0.0; LANES];
        self.store(&mut values);
        let larger = |most: f32, lane: &f32| if most < *lane { *lane } else { most };
        values[1..].iter().fold(values[0], larger)
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        let mut values = [0.0; LANES];
        self.store(&mut values);
        let [a, b, c, d] = values;
        (a + c) + (b + d)
    }
}
