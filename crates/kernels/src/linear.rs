use std::fmt;

use crate::columns::ColumnsMut;
use crate::epilogue::Epilogue;
use crate::error::{Error, check_length, checked_area};
use crate::form::{Float, Int4, Int8};
use crate::instruction_set::dispatch;
use crate::sums::PANEL;
use crate::tile::{self, Operands, TileScratch};
use crate::weights::Weights;

/// A product that is split by columns is split at multiples of this.
pub const COLUMN_STEP: usize = PANEL;

/// Memory that [`linear`] works in. It grows to what the product with most inputs needs, some 400
/// bytes for each, and is best kept for the next.
#[derive(Default)]
pub struct Scratch(TileScratch);

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
}

/// Computes `out = then(x · weightsᵀ + bias)`: `x` is f32 `[rows, K]`, `out` f32 `[rows, N]`.
///
/// A row of `out` depends on its own row of `x` alone, to the last bit: threads can compute some
/// rows each.
///
/// # Errors
/// [`Error::Length`] if `x`, `out`, bias or residual is of another size, [`Error::Size`] if the
/// sizes overflow. `out` is untouched then.
pub fn linear(
    x: &[f32],
    rows: usize,
    weights: &Weights,
    epilogue: &Epilogue<'_>,
    scratch: &mut Scratch,
    out: &mut [f32],
) -> Result<(), Error> {
    let mut out = ColumnsMut::new(out, rows, weights.outputs())?;
    linear_columns(x, weights, epilogue, scratch, &mut out)
}

/// Computes some columns of what [`linear`] computes, with the same bits: threads can compute some each,
/// from [`ColumnsMut::split_at`] multiples of [`COLUMN_STEP`], with a scratch memory of their own.
///
/// # Errors
/// As for [`linear`], and [`Error::Columns`] if the first column is not a multiple.
pub fn linear_columns(
    x: &[f32],
    weights: &Weights,
    epilogue: &Epilogue<'_>,
    scratch: &mut Scratch,
    out: &mut ColumnsMut<'_>,
) -> Result<(), Error> {
    let rows = out.rows();
    check_length("input", checked_area(rows, weights.inputs())?, x.len())?;
    check_length("columns of the output", weights.outputs(), out.stride())?;
    if !out.columns().start.is_multiple_of(PANEL) {
        return Err(Error::Columns(out.columns().start));
    }
    epilogue.check(weights.outputs(), checked_area(rows, weights.outputs())?)?;
    let operands = Operands { x, rows, epilogue };
    let scratch = &mut scratch.0;
    match weights {
        Weights::Int4(weights) => dispatch!(weights.set, simd => {
            tile::run::<Int4, _>(simd, &weights.packed(simd), &operands, scratch, out);
        }),
        Weights::Int8(weights) => dispatch!(weights.set, simd => {
            tile::run::<Int8, _>(simd, &weights.packed(simd), &operands, scratch, out);
        }),
        Weights::F32(weights) => dispatch!(weights.set, simd => {
            tile::run::<Float, _>(simd, &weights.packed(simd), &operands, scratch, out);
        }),
    }
    Ok(())
}
