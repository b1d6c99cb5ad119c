//! Blocks of f32.

use super::DEPTH;

/// Columns of a block.
pub(crate) const WIDTH: usize = 8;

/// A block of a row.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct RowBlock(pub(crate) [f32; DEPTH]);

/// A block of weights: for each input, `WIDTH` columns.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct WeightBlock(pub(crate) [[f32; WIDTH]; DEPTH]);

impl RowBlock {
    pub(crate) const ZEROS: Self = Self([0.0; DEPTH]);
}

impl WeightBlock {
    pub(crate) const ZEROS: Self = Self([[0.0; WIDTH]; DEPTH]);

    /// Adds the products with a row's block.
    #[cfg(any(test, not(target_feature = "simd128")))]
    pub(crate) fn add_to(&self, x: &RowBlock, sums: &mut [f32]) {
        for (x, weights) in x.0.iter().zip(&self.0) {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += x * weight;
            }
        }
    }
}
