//! Blocks of weights of 4 bits, and of activations of 8 bits.

use super::{Codes, QUAD, STEP, STEPS};
#[cfg(any(test, not(target_feature = "simd128")))]
use super::{DEPTH, SMALLEST, repeated};

/// What is subtracted from a weight's code.
pub(crate) const ZERO_POINT: i16 = 8;

/// The largest code of a row.
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

/// Four columns of a block, as they are kept: step `j` in the low halves of the `j`-th 16 bytes,
/// step `j + 4` in the high ones.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct PackedBlock {
    pub(crate) codes: [[u8; QUAD * STEP]; STEPS / 2],
    pub(crate) scales: [i16; QUAD],
}

/// Four columns of a block, as the kernel reads them.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct OpenBlock {
    pub(crate) codes: Codes<i8>,
    /// Each scale twice: for the sums of even and of odd pairs.
    pub(crate) scales: [i16; 2 * QUAD],
}

impl RowBlock {
    pub(crate) const ZEROS: Self = Self {
        codes: Codes([[0; QUAD * STEP]; STEPS]),
        correction: [0; 2 * QUAD],
        scale: [0.0; QUAD],
    };

    #[cfg(any(test, not(target_feature = "simd128")))]
    pub(crate) fn quantize(&mut self, x: &[f32; DEPTH]) {
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

impl PackedBlock {
    pub(crate) const ZEROS: Self =
        Self { codes: [[0x11 * ZERO_POINT as u8; QUAD * STEP]; STEPS / 2], scales: [0; QUAD] };

    pub(crate) fn set(&mut self, column: usize, input: usize, code: u8) {
        let (step, byte) = (input / STEP, column * STEP + input % STEP);
        let shift = 4 * (step / (STEPS / 2));
        let byte = &mut self.codes[step % (STEPS / 2)][byte];
        *byte = *byte & !(15 << shift) | code << shift;
    }

    #[cfg(any(test, not(target_feature = "simd128")))]
    pub(crate) fn open(&self, out: &mut OpenBlock) {
        let (low, high) = out.codes.0.split_at_mut(STEPS / 2);
        for ((packed, low), high) in self.codes.iter().zip(low).zip(high) {
            *low = packed.map(|byte| (byte & 15) as i8);
            *high = packed.map(|byte| (byte >> 4) as i8);
        }
        out.scales = std::array::from_fn(|lane| self.scales[lane / 2]);
    }
}

impl OpenBlock {
    pub(crate) const ZEROS: Self =
        Self { codes: Codes([[0; QUAD * STEP]; STEPS]), scales: [0; 2 * QUAD] };

    /// Adds the products with a row's block.
    #[cfg(any(test, not(target_feature = "simd128")))]
    pub(crate) fn add_to(&self, x: &RowBlock, sums: &mut [f32]) {
        for (sum, dot) in sums.iter_mut().zip(self.dots(x)) {
            *sum += dot as f32 * x.scale[0];
        }
    }

    /// What a block of a row adds to the four sums, in units of the row's scale.
    #[cfg(any(test, not(target_feature = "simd128")))]
    pub(crate) fn dots(&self, x: &RowBlock) -> [i32; QUAD] {
        let correction: i32 = x.correction[..2].iter().map(|&half| i32::from(half)).sum();
        let mut sums = [correction; QUAD];
        for (step, x) in self.codes.0.iter().zip(x.codes.0.iter()) {
            for (sum, codes) in sums.iter_mut().zip(step.chunks_exact(STEP)) {
                for (&code, &x) in codes.iter().zip(x) {
                    *sum += i32::from(code) * i32::from(x);
                }
            }
        }
        std::array::from_fn(|column| sums[column] * i32::from(self.scales[2 * column]))
    }
}
