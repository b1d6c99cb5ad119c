use crate::blocks::{Codes, DEPTH, QUAD, STEP, STEPS};
#[cfg(any(test, not(target_feature = "simd128")))]
use crate::blocks::{SMALLEST, repeated};
#[cfg(any(test, not(target_feature = "simd128")))]
use crate::int4::pack::ZERO_POINT;

/// The largest code.
pub(crate) const LARGEST: f32 = 127.0;

/// A block of a row: signed codes, symmetric, `x ≈ code · scale`, all of it as often as the kernel's
/// vectors want it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(16))]
pub(crate) struct RowBlock {
    pub(crate) codes: Codes<i8>,
    /// What the weights' zero point makes of the codes, `-8 · Σ code`: over the even and over the odd
    /// pairs, as the kernel sums them apart.
    pub(crate) correction: [i16; 2 * QUAD],
    /// Not a number if a value was not finite.
    pub(crate) scale: [f32; QUAD],
}

impl RowBlock {
    pub(crate) const ZEROS: Self = Self {
        codes: Codes([[0; QUAD * STEP]; STEPS]),
        correction: [0; 2 * QUAD],
        scale: [0.0; QUAD],
    };

    pub(crate) fn quantise(&mut self, x: &[f32; DEPTH]) {
        #[cfg(target_feature = "simd128")]
        crate::simd::int4::quantise(x, self);
        #[cfg(not(target_feature = "simd128"))]
        self.quantise_reference(x);
    }

    /// The same without SIMD.
    #[cfg(any(test, not(target_feature = "simd128")))]
    pub(crate) fn quantise_reference(&mut self, x: &[f32; DEPTH]) {
        let largest = x.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        *self = Self::ZEROS;
        if !x.iter().all(|x| x.is_finite()) {
            self.scale = [f32::NAN; QUAD];
        } else if largest >= SMALLEST {
            let factor = LARGEST / largest;
            let codes = x.map(|x| (x * factor).round_ties_even() as i8);
            self.codes = repeated(&codes);
            let mut sums = [0; 2];
            for (pair, codes) in codes.chunks_exact(STEP / 2).enumerate() {
                sums[pair % 2] += codes.iter().map(|&code| i16::from(code)).sum::<i16>();
            }
            self.correction = std::array::from_fn(|lane| -ZERO_POINT * sums[lane % 2]);
            self.scale = [largest / LARGEST; QUAD];
        }
    }
}
