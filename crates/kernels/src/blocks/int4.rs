//! Blocks of weights of 4 bits, and of activations of 8 bits.
//!
//! A block of `COLUMNS` columns takes `BYTES` = 4 · `COLUMNS` bytes for each step, as constants cannot be
//! computed with.

use super::{DEPTH, SMALLEST, STEP, STEPS, multiply_add};
use crate::memory::{Plain, plain};

/// What is subtracted from a weight's code.
pub(crate) const ZERO_POINT: i16 = 8;

/// The largest code of a row.
pub(crate) const LARGEST: f32 = 127.0;

/// A block of a row: signed codes, symmetric, `x ≈ code · scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub(crate) struct RowBlock {
    pub(crate) codes: [i8; DEPTH],
    /// What the weights' zero point makes of the codes, `-8 · Σ code`.
    pub(crate) correction: i32,
    /// The same over the even and over the odd pairs, for kernels that sum them apart.
    pub(crate) halves: [i16; 2],
    /// Not a number if a value was not finite.
    pub(crate) scale: f32,
}

/// A block of columns, as it is kept: step `j` in the low halves of the `j`-th bytes, step `j + 4` in the
/// high ones.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(8))]
pub(crate) struct PackedBlock<const COLUMNS: usize, const BYTES: usize> {
    pub(crate) codes: [[u8; BYTES]; STEPS / 2],
    pub(crate) scales: [i16; COLUMNS],
}

/// A block of columns, as the kernel reads it: for each step, for each column, `STEP` inputs.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(16))]
pub(crate) struct OpenBlock<const COLUMNS: usize, const BYTES: usize> {
    pub(crate) codes: [[i8; BYTES]; STEPS],
    /// Each scale twice, for the sums of even and of odd pairs; or once with a zero, for the sums of both.
    pub(crate) scales: [[i16; 2]; COLUMNS],
}

plain! {
    RowBlock: 32 + 4 + 4 + 4;
    PackedBlock<4, 16>: 64 + 8;
    PackedBlock<8, 32>: 128 + 16;
    PackedBlock<16, 64>: 256 + 32;
    OpenBlock<4, 16>: 128 + 16;
    OpenBlock<8, 32>: 256 + 32;
    OpenBlock<16, 64>: 512 + 64;
}

impl RowBlock {
    pub(crate) const ZEROS: Self =
        Self { codes: [0; DEPTH], correction: 0, halves: [0; 2], scale: 0.0 };

    pub(crate) fn quantize(&mut self, x: &[f32; DEPTH]) {
        let largest = x.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        *self = Self::ZEROS;
        if !x.iter().all(|x| x.is_finite()) {
            self.scale = f32::NAN;
        } else if largest >= SMALLEST {
            let factor = LARGEST / largest;
            self.codes = x.map(|x| (x * factor).round_ties_even() as i8);
            self.scale = largest / LARGEST;
            self.correct();
        }
    }

    /// Sets what follows from the codes.
    fn correct(&mut self) {
        let mut sums = [0; 2];
        for (pair, codes) in self.codes.chunks_exact(STEP / 2).enumerate() {
            sums[pair % 2] += codes.iter().map(|&code| i16::from(code)).sum::<i16>();
        }
        self.halves = sums.map(|sum| -ZERO_POINT * sum);
        self.correction = self.halves.iter().map(|&half| i32::from(half)).sum();
    }
}

/// A block that can be packed. It begins as zeros.
pub(crate) trait Pack: Plain {
    fn set(&mut self, column: usize, input: usize, code: u8);

    fn set_scale(&mut self, column: usize, scale: i16);
}

impl<const COLUMNS: usize, const BYTES: usize> Pack for PackedBlock<COLUMNS, BYTES>
where
    Self: Plain,
{
    fn set(&mut self, column: usize, input: usize, code: u8) {
        let (step, byte) = (input / STEP, column * STEP + input % STEP);
        let shift = 4 * (step / (STEPS / 2));
        let byte = &mut self.codes[step % (STEPS / 2)][byte];
        *byte = *byte & !(15 << shift) | code << shift;
    }

    fn set_scale(&mut self, column: usize, scale: i16) {
        self.scales[column] = scale;
    }
}

impl<const COLUMNS: usize, const BYTES: usize> PackedBlock<COLUMNS, BYTES> {
    pub(crate) fn open(&self, out: &mut OpenBlock<COLUMNS, BYTES>) {
        let (low, high) = out.codes.split_at_mut(STEPS / 2);
        for ((packed, low), high) in self.codes.iter().zip(low).zip(high) {
            *low = packed.map(|byte| (byte & 15) as i8);
            *high = packed.map(|byte| (byte >> 4) as i8);
        }
        out.scales = self.scales.map(|scale| [scale; 2]);
    }
}

impl<const COLUMNS: usize, const BYTES: usize> OpenBlock<COLUMNS, BYTES> {
    /// Adds the products with a row's block.
    pub(crate) fn add_to<const FUSED: bool>(&self, x: &RowBlock, sums: &mut [f32]) {
        for (sum, dot) in sums.iter_mut().zip(self.dots(x)) {
            *sum = multiply_add::<FUSED>(dot as f32, x.scale, *sum);
        }
    }

    /// What a block of a row adds to the sums, in units of the row's scale.
    pub(crate) fn dots(&self, x: &RowBlock) -> [i32; COLUMNS] {
        let mut sums = [x.correction; COLUMNS];
        for (step, x) in self.codes.iter().zip(x.codes.as_chunks::<STEP>().0) {
            for (sum, codes) in sums.iter_mut().zip(step.chunks_exact(STEP)) {
                for (&code, &x) in codes.iter().zip(x) {
                    *sum += i32::from(code) * i32::from(x);
                }
            }
        }
        std::array::from_fn(|column| sums[column] * i32::from(self.scales[column][0]))
    }
}
