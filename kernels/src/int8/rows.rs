#[cfg(any(test, not(target_feature = "simd128")))]
use crate::blocks::{SMALLEST, repeated};
use crate::blocks::{Codes, DEPTH, QUAD, STEP, STEPS};

/// The largest distance from the zero point: the second operand of a relaxed dot product has 7 bits.
pub(crate) const LARGEST: f32 = 63.0;

/// The code of 0.
pub(crate) const ZERO_POINT: u8 = 64;

/// A block of a row: `x ≈ (code - 64) · scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(16))]
pub(crate) struct RowBlock {
    pub(crate) codes: Codes<u8>,
    /// As often as the kernel's vectors want it. Not a number if a value was not finite.
    pub(crate) scale: [f32; QUAD],
}

impl RowBlock {
    pub(crate) const ZEROS: Self =
        Self { codes: Codes([[ZERO_POINT; QUAD * STEP]; STEPS]), scale: [0.0; QUAD] };

    pub(crate) fn quantise(&mut self, x: &[f32; DEPTH]) {
        #[cfg(target_feature = "simd128")]
        crate::simd::int8::quantise(x, self);
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
            let code =
                |x: f32| ((x * factor).round_ties_even() as i8).wrapping_add(ZERO_POINT as i8);
            self.codes = repeated(&x.map(|x| code(x) as u8));
            self.scale = [largest / LARGEST; QUAD];
        }
    }
}
