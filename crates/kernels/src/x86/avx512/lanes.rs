//! A register of 16 numbers.

use std::arch::x86_64::*;

use super::Avx512;
use crate::lanes::{Codes, LANES, Lanes, Simd};

#[derive(Clone, Copy)]
pub(crate) struct Register {
    values: __m512,
    simd: Avx512,
}

/// Instructions on the values of registers.
macro_rules! register {
    ($simd:expr, $value:expr) => {
        // SAFETY: the value of `Avx512` proves that the processor has the instruction.
        Register { values: unsafe { $value }, simd: $simd }
    };
}

impl Simd for Avx512 {
    type Lanes = Register;

    #[inline(always)]
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        // SAFETY: `self` proves that the processor has them.
        unsafe { vectorized(f) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Register {
        register!(self, _mm512_set1_ps(value))
    }

    #[inline(always)]
    fn load(self, values: &[f32; LANES]) -> Register {
        register!(self, _mm512_loadu_ps(values.as_ptr()))
    }
}

#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn vectorized<R>(f: impl FnOnce() -> R) -> R {
    f()
}

impl Lanes for Register {
    type Simd = Avx512;

    #[inline(always)]
    fn simd(self) -> Avx512 {
        self.simd
    }

    #[inline(always)]
    fn store(self, values: &mut [f32; LANES]) {
        // SAFETY: the processor has the instruction, and 16 numbers have place.
        unsafe { _mm512_storeu_ps(values.as_mut_ptr(), self.values) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        register!(self.simd, _mm512_add_ps(self.values, other.values))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        register!(self.simd, _mm512_sub_ps(self.values, other.values))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        register!(self.simd, _mm512_mul_ps(self.values, other.values))
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        register!(self.simd, _mm512_div_ps(self.values, other.values))
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, summand: Self) -> Self {
        register!(self.simd, _mm512_fmadd_ps(self.values, factor.values, summand.values))
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // The instruction gives its second operand where one of them is not a number.
        register!(self.simd, _mm512_max_ps(other.values, self.values))
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        register!(self.simd, _mm512_min_ps(other.values, self.values))
    }

    #[inline(always)]
    fn round(self) -> Self {
        register!(
            self.simd,
            _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.values)
        )
    }

    #[inline(always)]
    fn low_bits_as_exponent(self) -> Self {
        register!(
            self.simd,
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_castps_si512(self.values)))
        )
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        // SAFETY: the processor has the instructions.
        unsafe { _mm512_reduce_max_ps(self.values) }
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        // SAFETY: the processor has the instructions.
        unsafe {
            let four = quarters(self.values);
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }
}

impl Codes for Register {
    #[inline(always)]
    fn magnitude(self, other: Self) -> f32 {
        // SAFETY: the processor has the instructions.
        unsafe {
            let unsigned =
                |x| _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(i32::MAX));
            let most = _mm512_max_epi32(unsigned(self.values), unsigned(other.values));
            f32::from_bits(_mm512_reduce_max_epi32(most) as u32)
        }
    }

    #[inline(always)]
    fn extremes(self, other: Self) -> [f32; 2] {
        // SAFETY: the processor has the instructions.
        unsafe {
            let least = _mm512_min_ps(self.values, other.values);
            let most = _mm512_max_ps(self.values, other.values);
            [_mm512_reduce_min_ps(least), _mm512_reduce_max_ps(most)]
        }
    }

    #[inline(always)]
    fn pair_sums(self, other: Self) -> [i16; 2] {
        // SAFETY: the processor has the instructions.
        let sums = unsafe {
            let integers = |x| _mm512_cvtps_epi32(x);
            let both = _mm512_add_epi32(integers(self.values), integers(other.values));
            let (low, high) = (_mm512_castsi512_si256(both), _mm512_extracti64x4_epi64::<1>(both));
            let eight = _mm256_add_epi32(low, high);
            let (low, high) = (_mm256_castsi256_si128(eight), _mm256_extracti128_si256::<1>(eight));
            let four = _mm_add_epi32(low, high);
            _mm_cvtsi128_si64(_mm_hadd_epi32(four, four))
        };
        [sums as i16, (sums >> 32) as i16]
    }

    #[inline(always)]
    fn store_codes(self, codes: &mut [i8; LANES]) {
        // SAFETY: the processor has the instructions, and 16 bytes have place.
        unsafe {
            let bytes = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(self.values));
            _mm_storeu_si128(codes.as_mut_ptr().cast(), bytes);
        }
    }
}

/// Halves added to each other, twice.
#[target_feature(enable = "avx512f,avx512dq")]
#[inline]
fn quarters(x: __m512) -> __m128 {
    let eight = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps::<1>(x));
    _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight))
}
