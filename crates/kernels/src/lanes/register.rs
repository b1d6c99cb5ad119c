use std::arch::wasm32::*;

#[derive(Clone, Copy)]
pub(crate) struct Lanes(v128);

impl Lanes {
    #[inline(always)]
    pub(crate) fn splat(value: f32) -> Self {
        Self(f32x4_splat(value))
    }

    #[inline(always)]
    pub(crate) fn load(values: &[f32; 4]) -> Self {
        // SAFETY: 16 bytes are read of 16 that may be; v128.load takes any alignment.
        Self(unsafe { v128_load(values.as_ptr().cast()) })
    }

    #[inline(always)]
    pub(crate) fn store(self, values: &mut [f32; 4]) {
        // SAFETY: 16 bytes are written of 16 that may be; v128.store takes any alignment.
        unsafe { v128_store(values.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    pub(crate) fn to_array(self) -> [f32; 4] {
        let mut values = [0.0; 4];
        self.store(&mut values);
        values
    }

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

    #[inline(always)]
    pub(crate) fn add(self, other: Self) -> Self {
        Self(f32x4_add(self.0, other.0))
    }

    #[inline(always)]
    pub(crate) fn sub(self, other: Self) -> Self {
        Self(f32x4_sub(self.0, other.0))
    }

    #[inline(always)]
    pub(crate) fn mul(self, other: Self) -> Self {
        Self(f32x4_mul(self.0, other.0))
    }

    #[inline(always)]
    pub(crate) fn div(self, other: Self) -> Self {
        Self(f32x4_div(self.0, other.0))
    }

    /// `self · factor + summand`, rounded once or twice.
    #[inline(always)]
    pub(crate) fn mul_add(self, factor: Self, summand: Self) -> Self {
        #[cfg(target_feature = "relaxed-simd")]
        return Self(f32x4_relaxed_madd(self.0, factor.0, summand.0));
        #[cfg(not(target_feature = "relaxed-simd"))]
        self.mul(factor).add(summand)
    }

    /// The larger of each two; not a number where `self` isn't.
    #[inline(always)]
    pub(crate) fn max(self, other: Self) -> Self {
        // One instruction on x86-64, where f32x4.max is seven.
        Self(f32x4_pmax(self.0, other.0))
    }

    /// The smaller of each two; not a number where `self` isn't.
    #[inline(always)]
    pub(crate) fn min(self, other: Self) -> Self {
        Self(f32x4_pmin(self.0, other.0))
    }

    /// Rounded to the nearest integer, halves to the even one.
    #[inline(always)]
    pub(crate) fn round(self) -> Self {
        Self(f32x4_nearest(self.0))
    }

    /// Two to the power of each lane, which is an integer in -126..=127.
    #[inline(always)]
    pub(crate) fn exp2(self) -> Self {
        #[cfg(target_feature = "relaxed-simd")]
        let power = i32x4_relaxed_trunc_f32x4(self.0);
        #[cfg(not(target_feature = "relaxed-simd"))]
        let power = i32x4_trunc_sat_f32x4(self.0);
        Self(i32x4_shl(i32x4_add(power, i32x4_splat(127)), 23))
    }
}
