#[cfg(any(test, not(target_feature = "simd128")))]
use crate::blocks::repeated;
use crate::blocks::{Codes, DEPTH};

/// The largest code: the second operand of a relaxed dot product has 7 bits.
pub(crate) const LARGEST: f32 = 127.0;

/// Below this the reciprocal of a row's scale would overflow: such a row counts as zeros.
const SMALLEST: f32 = 1e-30;

/// Least and largest of some values and 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    pub(crate) least: f32,
    pub(crate) most: f32,
    /// Whether all are.
    pub(crate) finite: bool,
}

impl Range {
    fn of(values: &[f32]) -> Self {
        #[cfg(target_feature = "simd128")]
        return crate::simd::int8::range(values);
        #[cfg(not(target_feature = "simd128"))]
        Self::EMPTY.with(values)
    }

    pub(crate) const EMPTY: Self = Self { least: 0.0, most: 0.0, finite: true };

    /// The range of these values as well.
    pub(crate) fn with(self, values: &[f32]) -> Self {
        values.iter().fold(self, |range, &x| Self {
            least: range.least.min(x),
            most: range.most.max(x),
            finite: range.finite & x.is_finite(),
        })
    }
}

/// What a row's codes mean: `x ≈ (code - zero point) · scale`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct RowScale {
    /// Not a number if a value was not finite.
    pub(crate) scale: f32,
    pub(crate) zero_point: i32,
}

impl RowScale {
    pub(crate) fn of(row: &[f32]) -> Self {
        let range = Range::of(row);
        let scale = (range.most - range.least) / LARGEST;
        if !range.finite || !scale.is_finite() {
            return Self { scale: f32::NAN, zero_point: 0 };
        }
        if scale < SMALLEST {
            return Self::default();
        }
        Self { scale, zero_point: (-range.least / scale).round_ties_even() as i32 }
    }

    /// What values are multiplied with to become codes.
    pub(crate) fn factor(self) -> f32 {
        // Not above 0: it is 0 or not a number, and so are all codes.
        if self.scale > 0.0 { 1.0 / self.scale } else { 0.0 }
    }

    pub(crate) fn quantise(self, x: &[f32; DEPTH], out: &mut Codes<u8>) {
        #[cfg(target_feature = "simd128")]
        crate::simd::int8::quantise(self, x, out);
        #[cfg(not(target_feature = "simd128"))]
        self.quantise_reference(x, out);
    }

    /// The same without SIMD.
    #[cfg(any(test, not(target_feature = "simd128")))]
    pub(crate) fn quantise_reference(self, x: &[f32; DEPTH], out: &mut Codes<u8>) {
        let factor = self.factor();
        *out = repeated(&x.map(|x| {
            let code = if factor > 0.0 { (x * factor).round_ties_even() } else { 0.0 };
            (code as i32 + self.zero_point).clamp(0, LARGEST as i32) as u8
        }));
    }
}
