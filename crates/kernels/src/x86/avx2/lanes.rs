//! Two registers of eight numbers.

use std::arch::x86_64::*;

use super::Avx;
use crate::lanes::{Codes, LANES, Lanes, Simd};

#[derive(Clone, Copy)]
pub(crate) struct Registers<const VNNI: bool> {
    values: [__m256; 2],
    simd: Avx<VNNI>,
}

impl<const VNNI: bool> Registers<VNNI> {
    #[inline(always)]
    fn map(self, f: impl Fn(__m256) -> __m256) -> Self {
        let [a, b] = self.values;
        Self { values: [f(a), f(b)], ..self }
    }

    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(__m256, __m256) -> __m256) -> Self {
        let ([a, b], [c, d]) = (self.values, other.values);
        Self { values: [f(a, c), f(b, d)], ..self }
    }
}

/// Instructions on the values of registers.
macro_rules! instructions {
    ($value:expr) => {
        // SAFETY: a value of `Registers` exists, which proves that the processor has the instructions.
        unsafe { $value }
    };
}

impl<const VNNI: bool> Simd for Avx<VNNI> {
    type Lanes = Registers<VNNI>;

    #[inline(always)]
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        // SAFETY: `self` proves that the processor has them.
        unsafe { vectorized(f) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::Lanes {
        // SAFETY: `self` proves that the processor has the instruction.
        Registers { values: [unsafe { _mm256_set1_ps(value) }; 2], simd: self }
    }

    #[inline(always)]
    fn load(self, values: &[f32; LANES]) -> Self::Lanes {
        // SAFETY: `self` proves that the processor has the instruction, and 16 numbers are there.
        let load = |at: usize| unsafe { _mm256_loadu_ps(values[at..].as_ptr()) };
        Registers { values: [load(0), load(8)], simd: self }
    }
}

#[target_feature(enable = "avx2,fma")]
fn vectorized<R>(f: impl FnOnce() -> R) -> R {
    f()
}

impl<const VNNI: bool> Lanes for Registers<VNNI> {
    type Simd = Avx<VNNI>;

    #[inline(always)]
    fn simd(self) -> Avx<VNNI> {
        self.simd
    }

    #[inline(always)]
    fn store(self, values: &mut [f32; LANES]) {
        let ([a, b], (halves, _)) = (self.values, values.as_chunks_mut::<8>());
        instructions!({
            _mm256_storeu_ps(halves[0].as_mut_ptr(), a);
            _mm256_storeu_ps(halves[1].as_mut_ptr(), b);
        });
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| instructions!(_mm256_add_ps(a, b)),
        )
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| instructions!(_mm256_sub_ps(a, b)),
        )
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| instructions!(_mm256_mul_ps(a, b)),
        )
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| instructions!(_mm256_div_ps(a, b)),
        )
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, summand: Self) -> Self {
        let ([a, b], [c, d], [e, f]) = (self.values, factor.values, summand.values);
        let values = instructions!([_mm256_fmadd_ps(a, c, e), _mm256_fmadd_ps(b, d, f)]);
        Self { values, ..self }
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // The instruction gives its second operand where one of them is not a number.
        self.zip(
            other,
            #[inline(always)]
            |a, b| instructions!(_mm256_max_ps(b, a)),
        )
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| instructions!(_mm256_min_ps(b, a)),
        )
    }

    #[inline(always)]
    fn round(self) -> Self {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        self.map(
            #[inline(always)]
            |x| instructions!(_mm256_round_ps::<NEAREST>(x)),
        )
    }

    #[inline(always)]
    fn low_bits_as_exponent(self) -> Self {
        self.map(
            #[inline(always)]
            |x| instructions!(_mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(x)))),
        )
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        self.extremes(self)[1]
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        instructions!({
            let four = quarters(self.values[0], self.values[1]);
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        })
    }
}

impl<const VNNI: bool> Codes for Registers<VNNI> {
    #[inline(always)]
    fn magnitude(self, other: Self) -> f32 {
        let ([a, b], [c, d]) = (self.values, other.values);
        instructions!({
            let sign = _mm256_set1_epi32(i32::MAX);
            let unsigned = |x| _mm256_and_si256(_mm256_castps_si256(x), sign);
            let most = _mm256_max_epi32(
                _mm256_max_epi32(unsigned(a), unsigned(b)),
                _mm256_max_epi32(unsigned(c), unsigned(d)),
            );
            let most =
                _mm_max_epi32(_mm256_castsi256_si128(most), _mm256_extracti128_si256::<1>(most));
            let most = _mm_max_epi32(most, _mm_shuffle_epi32::<0b01_00_11_10>(most));
            let most = _mm_max_epi32(most, _mm_shuffle_epi32::<0b10_11_00_01>(most));
            f32::from_bits(_mm_cvtsi128_si32(most) as u32)
        })
    }

    #[inline(always)]
    fn extremes(self, other: Self) -> [f32; 2] {
        let ([a, b], [c, d]) = (self.values, other.values);
        instructions!({
            let least = _mm256_min_ps(_mm256_min_ps(a, b), _mm256_min_ps(c, d));
            let most = _mm256_max_ps(_mm256_max_ps(a, b), _mm256_max_ps(c, d));
            let least =
                _mm_min_ps(_mm256_castps256_ps128(least), _mm256_extractf128_ps::<1>(least));
            let most = _mm_max_ps(_mm256_castps256_ps128(most), _mm256_extractf128_ps::<1>(most));
            let least = _mm_min_ps(least, _mm_movehl_ps(least, least));
            let most = _mm_max_ps(most, _mm_movehl_ps(most, most));
            [
                _mm_cvtss_f32(_mm_min_ss(least, _mm_movehdup_ps(least))),
                _mm_cvtss_f32(_mm_max_ss(most, _mm_movehdup_ps(most))),
            ]
        })
    }

    #[inline(always)]
    fn pair_sums(self, other: Self) -> [i16; 2] {
        let [a, b] = self.add(other).values;
        let sums = instructions!({
            let eight = _mm256_cvtps_epi32(_mm256_add_ps(a, b));
            let (low, high) = (_mm256_castsi256_si128(eight), _mm256_extracti128_si256::<1>(eight));
            let four = _mm_add_epi32(low, high);
            _mm_cvtsi128_si64(_mm_hadd_epi32(four, four))
        });
        [sums as i16, (sums >> 32) as i16]
    }

    #[inline(always)]
    fn store_codes(self, codes: &mut [i8; LANES]) {
        let [a, b] = self.values;
        instructions!({
            let (a, b) = (_mm256_cvtps_epi32(a), _mm256_cvtps_epi32(b));
            // In lanes of 128 bits: the first four of each, then the others.
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(a, b));
            let (low, high) = (_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            _mm_storeu_si128(codes.as_mut_ptr().cast(), _mm_packs_epi16(low, high));
        });
    }
}

/// Halves added to each other, twice.
#[target_feature(enable = "avx2")]
#[inline]
fn quarters(a: __m256, b: __m256) -> __m128 {
    let eight = _mm256_add_ps(a, b);
    _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight))
}
