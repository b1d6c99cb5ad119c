//! Four registers of four numbers.

use std::arch::aarch64::*;

use super::Neon;
use super::bytes::Products;
use super::vector::load_floats;
use crate::lanes::{Codes, LANES, Lanes, Simd};

#[derive(Clone, Copy)]
pub(crate) struct Registers<P> {
    values: [float32x4_t; 4],
    simd: Neon<P>,
}

/// Instructions on the values of registers.
macro_rules! instructions {
    ($value:expr) => {
        // SAFETY: a value of `Neon` exists, which proves that the processor has the instructions.
        unsafe { $value }
    };
}

impl<P: Products> Registers<P> {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(float32x4_t, float32x4_t) -> float32x4_t) -> Self {
        let ([a, b, c, d], [e, f_, g, h]) = (self.values, other.values);
        Self { values: [f(a, e), f(b, f_), f(c, g), f(d, h)], ..self }
    }

    /// Halves added to each other, twice.
    #[inline(always)]
    fn quarters(self) -> float32x4_t {
        let [a, b, c, d] = self.values;
        instructions!(vaddq_f32(vaddq_f32(a, c), vaddq_f32(b, d)))
    }

    #[inline(always)]
    fn reduce(
        self,
        other: Self,
        f: impl Fn(float32x4_t, float32x4_t) -> float32x4_t,
    ) -> float32x4_t {
        let [a, b, c, d] = self.zip(other, &f).values;
        f(f(a, b), f(c, d))
    }
}

impl<P: Products> Simd for Neon<P> {
    type Lanes = Registers<P>;

    #[inline(always)]
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        // All that functions use is in every AArch64 processor.
        f()
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Registers<P> {
        Registers { values: [instructions!(vdupq_n_f32(value)); 4], simd: self }
    }

    #[inline(always)]
    fn load(self, values: &[f32; LANES]) -> Registers<P> {
        let (quads, _) = values.as_chunks::<4>();
        Registers {
            values: [0, 1, 2, 3].map(|quad| instructions!(load_floats(&quads[quad]))),
            simd: self,
        }
    }
}

impl<P: Products> Lanes for Registers<P> {
    type Simd = Neon<P>;

    #[inline(always)]
    fn simd(self) -> Neon<P> {
        self.simd
    }

    #[inline(always)]
    fn store(self, values: &mut [f32; LANES]) {
        for (out, values) in values.as_chunks_mut::<4>().0.iter_mut().zip(self.values) {
            // SAFETY: four numbers have place; the instruction needs no alignment.
            unsafe { vst1q_f32(out.as_mut_ptr(), values) }
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| instructions!(vaddq_f32(a, b)),
        )
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| instructions!(vsubq_f32(a, b)),
        )
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| instructions!(vmulq_f32(a, b)),
        )
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| instructions!(vdivq_f32(a, b)),
        )
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, summand: Self) -> Self {
        let (x, factor, summand) = (self.values, factor.values, summand.values);
        let values = instructions!([
            vfmaq_f32(summand[0], x[0], factor[0]),
            vfmaq_f32(summand[1], x[1], factor[1]),
            vfmaq_f32(summand[2], x[2], factor[2]),
            vfmaq_f32(summand[3], x[3], factor[3]),
        ]);
        Self { values, ..self }
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| instructions!(vbslq_f32(vcltq_f32(a, b), b, a)),
        )
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| instructions!(vbslq_f32(vcltq_f32(b, a), b, a)),
        )
    }

    #[inline(always)]
    fn round(self) -> Self {
        Self { values: self.values.map(|x| instructions!(vrndnq_f32(x))), ..self }
    }

    #[inline(always)]
    fn low_bits_as_exponent(self) -> Self {
        let power =
            |x| instructions!(vreinterpretq_f32_s32(vshlq_n_s32::<23>(vreinterpretq_s32_f32(x))));
        Self { values: self.values.map(power), ..self }
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        self.extremes(self)[1]
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        let four = self.quarters();
        instructions!({
            let two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
            vget_lane_f32::<0>(two) + vget_lane_f32::<1>(two)
        })
    }
}

impl<P: Products> Codes for Registers<P> {
    #[inline(always)]
    fn magnitude(self, other: Self) -> f32 {
        let larger = |a, b| {
            instructions!({
                let a = vreinterpretq_u32_f32(vabsq_f32(a));
                let b = vreinterpretq_u32_f32(vabsq_f32(b));
                vreinterpretq_f32_u32(vmaxq_u32(a, b))
            })
        };
        let most = self.reduce(other, larger);
        f32::from_bits(instructions!(vmaxvq_u32(vreinterpretq_u32_f32(most))))
    }

    #[inline(always)]
    fn extremes(self, other: Self) -> [f32; 2] {
        let least = self.reduce(
            other,
            #[inline(always)]
            |a, b| instructions!(vminq_f32(a, b)),
        );
        let most = self.reduce(
            other,
            #[inline(always)]
            |a, b| instructions!(vmaxq_f32(a, b)),
        );
        instructions!([vminvq_f32(least), vmaxvq_f32(most)])
    }

    #[inline(always)]
    fn pair_sums(self, other: Self) -> [i16; 2] {
        let four = self.add(other).quarters();
        instructions!({
            let four = vcvtq_s32_f32(four);
            let pairs = vpadd_s32(vget_low_s32(four), vget_high_s32(four));
            [vget_lane_s32::<0>(pairs) as i16, vget_lane_s32::<1>(pairs) as i16]
        })
    }

    #[inline(always)]
    fn store_codes(self, codes: &mut [i8; LANES]) {
        let words = self.values.map(|x| instructions!(vmovn_s32(vcvtq_s32_f32(x))));
        let [a, b, c, d] = words;
        instructions!({
            let (low, high) = (vmovn_s16(vcombine_s16(a, b)), vmovn_s16(vcombine_s16(c, d)));
            vst1q_s8(codes.as_mut_ptr(), vcombine_s8(low, high));
        });
    }
}
