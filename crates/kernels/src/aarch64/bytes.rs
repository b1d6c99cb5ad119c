//! Products of bytes: how instruction sets multiply them, and the blocks of weights that consist of them.

use std::arch::aarch64::*;

use crate::blocks::{STEPS, int8};
use crate::grid::Columns;
use crate::memory::Plain;
use crate::sums::Sums;

/// Columns of a block.
pub(super) const WIDTH: usize = 4;

/// Codes of a block of weights.
pub(super) type Codes = [[i8; 16]; STEPS];

/// How bytes are multiplied. A value is the proof that the processor has the instructions.
pub(crate) trait Products: Copy {
    /// The most rows of a tile.
    const TILE: usize;
    /// Weights of 8 bits, with their codes in the order of [`Self::arrange`].
    type Int8: Block<Row = int8::RowBlock> + int8::Pack;

    fn detect() -> Option<Self>;

    /// Brings the codes of two steps, each `[columns, 4]`, into the order that the kernel reads.
    ///
    /// # Safety
    /// The processor has NEON.
    unsafe fn arrange(steps: [int8x16_t; 2]) -> [int8x16_t; 2];

    /// Adds the products of a tile with columns of a panel to the sums of each row.
    fn add<B: Block>(self, x: &[B::Row], columns: &Columns<'_, B>, sums: &mut [Sums]);
}

/// A block of weights in bytes, as the kernels read it.
pub(crate) trait Block: Plain {
    type Row: Plain;
    /// Products with which a sum of 16 bits is not full yet.
    const PRODUCTS_IN_16_BITS: usize;

    fn codes(&self) -> &Codes;

    /// Sixteen codes of a row.
    ///
    /// # Safety
    /// The processor has NEON.
    unsafe fn row_codes(x: &Self::Row, half: usize) -> int8x16_t;

    /// Scales dot products and adds them to the sums.
    ///
    /// # Safety
    /// The processor has NEON.
    unsafe fn finish<const R: usize, const G: usize>(
        x: &[Self::Row; R],
        dots: [[int32x4_t; G]; R],
        weights: [&Self; G],
        sums: &mut [Sums; R],
        column: usize,
    );
}
