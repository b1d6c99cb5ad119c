//! Blocks of weights of 8 bits, and of activations of 7 bits.

use super::{Codes, DEPTH, QUAD, STEP, STEPS};
#[cfg(any(test, not(target_feature = "simd128")))]
use super::{SMALLEST, repeated};

/// The largest code of a row: the second operand of a relaxed dot product has 7 bits.
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

/// Four columns of a block.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct WeightBlock {
    pub(crate) codes: Codes<i8>,
    pub(crate) scales: [f32; QUAD],
    /// Sums of the codes: what a row's zero point is multiplied with.
    pub(crate) totals: [i16; QUAD],
}

impl RowBlock {
    pub(crate) const ZEROS: Self =
        Self { codes: Codes([[0; QUAD * STEP]; STEPS]), offset: [0.0; QUAD], scale: [0.0; QUAD] };

    #[cfg(any(test, not(target_feature = "simd128")))]
    pub(crate) fn quantize(&mut self, x: &[f32; DEPTH]) {
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

impl WeightBlock {
    pub(crate) const ZEROS: Self =
        Self { codes: Codes([[0; QUAD * STEP]; STEPS]), scales: [0.0; QUAD], totals: [0; QUAD] };

    pub(crate) fn set(&mut self, column: usize, scale: f32, codes: &[i8; DEPTH]) {
        self.scales[column] = scale;
        self.totals[column] = codes.iter().map(|&code| i16::from(code)).sum();
        for (codes, step) in codes.as_chunks::<STEP>().0.iter().zip(&mut self.codes.0) {
            step[column * STEP..][..STEP].copy_from_slice(codes);
        }
    }

    /// Adds the products with a row's block.
    #[cfg(any(test, not(target_feature = "simd128")))]
    pub(crate) fn add_to(&self, x: &RowBlock, sums: &mut [f32]) {
        let mut dots = [0; QUAD];
        for (x, weights) in x.codes.0.iter().zip(self.codes.0) {
            for (place, weight) in weights.into_iter().enumerate() {
                dots[place / STEP] += i32::from(weight) * i32::from(x[place]);
            }
        }
        for (column, (sum, dot)) in sums.iter_mut().zip(dots).enumerate() {
            let total = f32::from(self.totals[column]) * self.scales[column];
            let value = x.offset[0] * total + dot as f32 * self.scales[column];
            *sum += value * x.scale[0];
        }
    }
}
