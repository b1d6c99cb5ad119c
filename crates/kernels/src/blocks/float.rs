//! Blocks of f32.

use super::{DEPTH, multiply_add};
use crate::memory::{Plain, plain};

/// A block of a row.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct RowBlock(pub(crate) [f32; DEPTH]);

/// A block of weights: for each input, `COLUMNS` columns.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct WeightBlock<const COLUMNS: usize>(pub(crate) [[f32; COLUMNS]; DEPTH]);

plain! {
    RowBlock: 128;
    WeightBlock<8>: 1024;
    WeightBlock<16>: 2048;
}

/// A block that can be packed. It begins as zeros.
pub(crate) trait Pack: Plain {
    const ZEROS: Self;

    /// Sets the first inputs of a column.
    fn set(&mut self, column: usize, values: &[f32]);

    /// Sets the first columns of an input.
    fn set_input(&mut self, input: usize, values: &[f32]);
}

impl<const COLUMNS: usize> Pack for WeightBlock<COLUMNS>
where
    Self: Plain,
{
    const ZEROS: Self = Self([[0.0; COLUMNS]; DEPTH]);

    fn set(&mut self, column: usize, values: &[f32]) {
        for (input, value) in self.0.iter_mut().zip(values) {
            input[column] = *value;
        }
    }

    #[inline(always)]
    fn set_input(&mut self, input: usize, values: &[f32]) {
        let columns = &mut self.0[input];
        match <&[f32; COLUMNS]>::try_from(values) {
            Ok(values) => *columns = *values,
            Err(_) => columns[..values.len()].copy_from_slice(values),
        }
    }
}

impl<const COLUMNS: usize> WeightBlock<COLUMNS>
where
    Self: Plain,
{
    /// Adds the products with a row's block.
    pub(crate) fn add_to<const FUSED: bool>(&self, x: &RowBlock, sums: &mut [f32]) {
        for (x, weights) in x.0.iter().zip(&self.0) {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = multiply_add::<FUSED>(*x, *weight, *sum);
            }
        }
    }

    /// Sets all inputs of all columns: `row` has those of each.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn set_all<'a>(&mut self, row: impl Fn(usize) -> &'a [f32; DEPTH]) {
        for column in 0..COLUMNS {
            self.set(column, row(column));
        }
    }
}
