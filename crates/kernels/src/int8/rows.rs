use crate::blocks::{Codes, DEPTH, QUAD, STEP, STEPS};
#[cfg(any(test, not(target_feature = "simd128")))]
use crate::blocks::{SMALLEST, repeated};

/// The largest code: the second operand of a relaxed dot product has 7 bits.
pub(crate) const LARGEST: f32 = 127.0;

/// A block of a row: `x ≈ (code - zero point) · scale`, from its least to its largest value. Numbers are there
/// as often as the kernel's vectors want them.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(16))]
pub(crate) struct RowBlock {
    pub(crate) codes: Codes<u8>,
    /// The zero point, negative.
    pub(crate) offset: [f32; QUAD],
    /// Not a number if a value was not finite.
    pub(crate) scale: [f32; QUAD],
}

impl RowBlock {
    pub(crate) const ZEROS: Self =
        Self { codes: Codes([[0; QUAD * STEP]; STEPS]), offset: [0.0; QUAD], scale: [0.0; QUAD] };

    pub(crate) fn quantise(&mut self, x: &[f32; DEPTH]) {
        #[cfg(target_feature = "simd128")]
        crate::simd::int8::quantise(x, self);
        #[cfg(not(target_feature = "simd128"))]
        self.quantise_reference(x);
    }

    /// The same without SIMD.
    #[cfg(any(test, not(target_feature = "simd128")))]
    pub(crate) fn quantise_reference(&mut self, x: &[f32; DEPTH]) {
        let least = x.iter().fold(0.0f32, |least, x| least.min(*x));
        let most = x.iter().fold(0.0f32, |most, x| most.max(*x));
        let scale = (most - least) / LARGEST;
        *self = Self::ZEROS;
        if !x.iter().all(|x| x.is_finite()) || !scale.is_finite() {
            self.scale = [f32::NAN; QUAD];
        } else if scale >= SMALLEST {
            let factor = 1.0 / scale;
            let zero_point = (-least * factor).round_ties_even();
            let code = |x: f32| (x * factor).round_ties_even() + zero_point;
            self.codes = repeated(&x.map(|x| code(x).clamp(0.0, LARGEST) as u8));
            self.offset = [-zero_point; QUAD];
            self.scale = [scale; QUAD];
        }
    }
}
