//! Blocks of weights of 8 bits, and of activations of 7 bits.
//!
//! A block of `COLUMNS` columns takes `BYTES` = 4 · `COLUMNS` bytes for each step.

use super::{DEPTH, SMALLEST, STEP, STEPS, multiply_add};
use crate::memory::{Plain, plain};

/// The largest code of a row: the second operand of a relaxed dot product has 7 bits.
pub(crate) const LARGEST: f32 = 127.0;

/// A block of a row: `x ≈ (code - zero point) · scale`, from its least to its largest value.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub(crate) struct RowBlock {
    pub(crate) codes: [u8; DEPTH],
    /// The zero point, negative.
    pub(crate) offset: f32,
    /// Not a number if a value was not finite.
    pub(crate) scale: f32,
}

/// A block of columns: for each step, for each column, `STEP` inputs.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(8))]
pub(crate) struct WeightBlock<const COLUMNS: usize, const BYTES: usize> {
    pub(crate) codes: [[i8; BYTES]; STEPS],
    pub(crate) scales: [f32; COLUMNS],
    /// Sums of the codes: what a row's zero point is multiplied with.
    pub(crate) totals: [i16; COLUMNS],
}

plain! {
    RowBlock: 32 + 4 + 4;
    WeightBlock<4, 16>: 128 + 16 + 8;
    WeightBlock<8, 32>: 256 + 32 + 16;
    WeightBlock<16, 64>: 512 + 64 + 32;
}

impl RowBlock {
    pub(crate) const ZEROS: Self = Self { codes: [0; DEPTH], offset: 0.0, scale: 0.0 };

    pub(crate) fn quantize(&mut self, x: &[f32; DEPTH]) {
        let least = x.iter().fold(0.0f32, |least, x| least.min(*x));
        let most = x.iter().fold(0.0f32, |most, x| most.max(*x));
        let scale = (most - least) / LARGEST;
        *self = Self::ZEROS;
        if !x.iter().all(|x| x.is_finite()) || !scale.is_finite() {
            self.scale = f32::NAN;
        } else if scale >= SMALLEST {
            let factor = 1.0 / scale;
            let zero_point = (-least * factor).round_ties_even();
            let code = |x: f32| (x * factor).round_ties_even() + zero_point;
            self.codes = x.map(|x| code(x).clamp(0.0, LARGEST) as u8);
            self.offset = -zero_point;
            self.scale = scale;
        }
    }
}

/// A block that can be packed. It begins as zeros.
pub(crate) trait Pack: Plain {
    fn set(&mut self, column: usize, scale: f32, codes: &[i8; DEPTH]);
}

impl<const COLUMNS: usize, const BYTES: usize> Pack for WeightBlock<COLUMNS, BYTES>
where
    Self: Plain,
{
    fn set(&mut self, column: usize, scale: f32, codes: &[i8; DEPTH]) {
        self.set_scale(column, scale, codes);
        for (codes, step) in codes.as_chunks::<STEP>().0.iter().zip(&mut self.codes) {
            step[column * STEP..][..STEP].copy_from_slice(codes);
        }
    }
}

impl<const COLUMNS: usize, const BYTES: usize> WeightBlock<COLUMNS, BYTES> {
    /// Sets a column's scale and the sum of its codes.
    pub(crate) fn set_scale(&mut self, column: usize, scale: f32, codes: &[i8; DEPTH]) {
        self.scales[column] = scale;
        self.totals[column] = codes.iter().map(|&code| i16::from(code)).sum();
    }

    /// Adds the products with a row's block.
    pub(crate) fn add_to<const FUSED: bool>(&self, x: &RowBlock, sums: &mut [f32]) {
        let mut dots = [0; COLUMNS];
        for (x, weights) in x.codes.as_chunks::<STEP>().0.iter().zip(&self.codes) {
            for (place, &weight) in weights.iter().enumerate() {
                dots[place / STEP] += i32::from(weight) * i32::from(x[place % STEP]);
            }
        }
        for (column, (sum, dot)) in sums.iter_mut().zip(dots).enumerate() {
            let total = f32::from(self.totals[column]) * self.scales[column];
            let value = multiply_add::<FUSED>(x.offset, total, dot as f32 * self.scales[column]);
            *sum = multiply_add::<FUSED>(value, x.scale, *sum);
        }
    }
}
