//! The forms of weights, and the loop over blocks that all kernels share.

#[cfg(all(test, target_feature = "simd128"))]
mod tests;

#[cfg(target_feature = "simd128")]
use crate::blocks::QUAD;
use crate::blocks::{DEPTH, float, int4, int8};
#[cfg(target_feature = "simd128")]
use crate::simd::{self, Totals};
use crate::sums::Sums;

/// A form of weights: blocks of a row, blocks of columns, and their product. With `simd128` it is
/// WebAssembly SIMD; the scalar form is its reference.
pub(crate) trait Form {
    /// A block of a row.
    type Row: Copy;
    /// A block of `WIDTH` columns, as the kernel reads it.
    type Columns: Copy;
    #[cfg(target_feature = "simd128")]
    const WIDTH: usize;
    /// Blocks that one turn of the loop goes through.
    #[cfg(target_feature = "simd128")]
    const UNROLL: usize;
    const ZERO_ROW: Self::Row;

    /// Converts a block of a row.
    fn convert(x: &[f32; DEPTH], out: &mut Self::Row);

    /// Adds the products of a block of `R` rows with a block of columns.
    #[cfg(target_feature = "simd128")]
    fn add_block<const R: usize>(x: &[Self::Row; R], columns: &Self::Columns, sums: Totals<'_>);

    /// Adds the products of a block of a row with a block of columns, without SIMD.
    #[cfg(any(test, not(target_feature = "simd128")))]
    fn add_row(x: &Self::Row, columns: &Self::Columns, sums: &mut [f32]);
}

/// Adds the products of a tile, `[blocks, rows]`, with weights, `[blocks]`, to the sums of `WIDTH`
/// columns from `column` on.
pub(crate) fn add<F: Form>(
    x: &[F::Row],
    rows: usize,
    weights: &[F::Columns],
    column: usize,
    sums: &mut Sums,
) {
    #[cfg(target_feature = "simd128")]
    add_simd::<F>(x, rows, weights, Totals::new(sums, column, F::WIDTH));
    #[cfg(not(target_feature = "simd128"))]
    add_reference::<F>(x, rows, weights, column, sums);
}

/// The same without SIMD.
#[cfg(any(test, not(target_feature = "simd128")))]
pub(crate) fn add_reference<F: Form>(
    x: &[F::Row],
    rows: usize,
    weights: &[F::Columns],
    column: usize,
    sums: &mut Sums,
) {
    for (x, weights) in x.chunks_exact(rows).zip(weights) {
        for (x, sums) in x.iter().zip(&mut sums.0) {
            F::add_row(x, weights, &mut sums[column..]);
        }
    }
}

/// The same, compiled for each number of rows.
#[cfg(target_feature = "simd128")]
#[inline(always)]
fn add_simd<F: Form>(x: &[F::Row], rows: usize, weights: &[F::Columns], sums: Totals<'_>) {
    match rows {
        1 => add_rows::<F, 1>(x, weights, sums),
        2 => add_rows::<F, 2>(x, weights, sums),
        3 => add_rows::<F, 3>(x, weights, sums),
        4 => add_rows::<F, 4>(x, weights, sums),
        5 => add_rows::<F, 5>(x, weights, sums),
        6 => add_rows::<F, 6>(x, weights, sums),
        7 => add_rows::<F, 7>(x, weights, sums),
        _ => add_rows::<F, 8>(x, weights, sums),
    }
}

#[cfg(target_feature = "simd128")]
fn add_rows<F: Form, const R: usize>(x: &[F::Row], weights: &[F::Columns], sums: Totals<'_>) {
    let (mut x, mut weights) = (x.as_chunks::<R>().0, weights);
    if F::UNROLL == 2 {
        let ((pairs, last), (weight_pairs, last_weights)) =
            (x.as_chunks::<2>(), weights.as_chunks::<2>());
        for ([x, next], [weights, next_weights]) in pairs.iter().zip(weight_pairs) {
            F::add_block(x, weights, sums);
            F::add_block(next, next_weights, sums);
        }
        (x, weights) = (last, last_weights);
    }
    for (x, weights) in x.iter().zip(weights) {
        F::add_block(x, weights, sums);
    }
}

/// Weights of 4 bits, activations of 8 bits.
#[derive(Debug)]
pub(crate) struct Int4;

/// Weights of 8 bits, activations of 7 bits.
#[derive(Debug)]
pub(crate) struct Int8;

/// Weights and activations of f32.
#[derive(Debug)]
pub(crate) struct Float;

impl Form for Int4 {
    type Row = int4::RowBlock;
    type Columns = int4::OpenBlock;
    #[cfg(target_feature = "simd128")]
    const WIDTH: usize = QUAD;
    #[cfg(target_feature = "simd128")]
    const UNROLL: usize = 2;
    const ZERO_ROW: Self::Row = int4::RowBlock::ZEROS;

    #[inline(always)]
    fn convert(x: &[f32; DEPTH], out: &mut Self::Row) {
        #[cfg(target_feature = "simd128")]
        simd::int4::quantize(x, out);
        #[cfg(not(target_feature = "simd128"))]
        out.quantize(x);
    }

    #[cfg(target_feature = "simd128")]
    #[inline(always)]
    fn add_block<const R: usize>(x: &[Self::Row; R], columns: &Self::Columns, sums: Totals<'_>) {
        simd::int4::add_block(x, columns, sums);
    }

    #[cfg(any(test, not(target_feature = "simd128")))]
    fn add_row(x: &Self::Row, columns: &Self::Columns, sums: &mut [f32]) {
        columns.add_to(x, sums);
    }
}

impl Form for Int8 {
    type Row = int8::RowBlock;
    type Columns = int8::WeightBlock;
    #[cfg(target_feature = "simd128")]
    const WIDTH: usize = QUAD;
    #[cfg(target_feature = "simd128")]
    const UNROLL: usize = 1;
    const ZERO_ROW: Self::Row = int8::RowBlock::ZEROS;

    #[inline(always)]
    fn convert(x: &[f32; DEPTH], out: &mut Self::Row) {
        #[cfg(target_feature = "simd128")]
        simd::int8::quantize(x, out);
        #[cfg(not(target_feature = "simd128"))]
        out.quantize(x);
    }

    #[cfg(target_feature = "simd128")]
    #[inline(always)]
    fn add_block<const R: usize>(x: &[Self::Row; R], columns: &Self::Columns, sums: Totals<'_>) {
        simd::int8::add_block(x, columns, sums);
    }

    #[cfg(any(test, not(target_feature = "simd128")))]
    fn add_row(x: &Self::Row, columns: &Self::Columns, sums: &mut [f32]) {
        columns.add_to(x, sums);
    }
}

impl Form for Float {
    type Row = float::RowBlock;
    type Columns = float::WeightBlock;
    #[cfg(target_feature = "simd128")]
    const WIDTH: usize = float::WIDTH;
    #[cfg(target_feature = "simd128")]
    const UNROLL: usize = 1;
    const ZERO_ROW: Self::Row = float::RowBlock::ZEROS;

    #[inline(always)]
    fn convert(x: &[f32; DEPTH], out: &mut Self::Row) {
        out.0 = *x;
    }

    #[cfg(target_feature = "simd128")]
    #[inline(always)]
    fn add_block<const R: usize>(x: &[Self::Row; R], columns: &Self::Columns, sums: Totals<'_>) {
        simd::float::add_block(x, columns, sums);
    }

    #[cfg(any(test, not(target_feature = "simd128")))]
    fn add_row(x: &Self::Row, columns: &Self::Columns, sums: &mut [f32]) {
        columns.add_to(x, sums);
    }
}
