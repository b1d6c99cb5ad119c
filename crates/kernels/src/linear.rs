use std::fmt;

use crate::epilogue::Epilogue;
use crate::error::{Error, check_length, checked_area};
use crate::float::F32Weights;
use crate::form::{Float, Int4, Int8};
use crate::int4::Int4Weights;
use crate::int8::Int8Weights;
use crate::tile::{self, TileScratch};

/// Weights `[N, K]` in one of their forms.
#[derive(Debug, Clone)]
pub enum Weights {
    /// 4 bits, a scale for each block.
    Int4(Int4Weights),
    /// 8 bits, a scale for each block.
    Int8(Int8Weights),
    /// f32.
    F32(F32Weights),
}

impl Weights {
    /// Number of outputs, N.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Int4(weights) => weights.outputs(),
            Self::Int8(weights) => weights.outputs(),
            Self::F32(weights) => weights.outputs(),
        }
    }

    /// Number of inputs, K.
    pub fn inputs(&self) -> usize {
        match self {
            Self::Int4(weights) => weights.inputs(),
            Self::Int8(weights) => weights.inputs(),
            Self::F32(weights) => weights.inputs(),
        }
    }

    /// Bytes that the packed weights take.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Int4(weights) => weights.bytes(),
            Self::Int8(weights) => weights.bytes(),
            Self::F32(weights) => weights.bytes(),
        }
    }
}

/// Memory that [`linear`] works in. It grows to what the product with most inputs needs, some 400
/// bytes for each, and is best kept for the next.
#[derive(Default)]
pub struct Scratch {
    int4: TileScratch<Int4>,
    int8: TileScratch<Int8>,
    float: TileScratch<Float>,
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
}

/// Computes `out = then(x · weightsᵀ + bias)`: `x` is f32 `[rows, K]`, `out` f32 `[rows, N]`.
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
    let area = checked_area(rows, weights.outputs())?;
    check_length("input", checked_area(rows, weights.inputs())?, x.len())?;
    check_length("output", area, out.len())?;
    epilogue.check(weights.outputs(), area)?;
    match weights {
        Weights::Int4(weights) => tile::run(weights, &mut scratch.int4, (x, rows), epilogue, out),
        Weights::Int8(weights) => tile::run(weights, &mut scratch.int8, (x, rows), epilogue, out),
        Weights::F32(weights) => tile::run(weights, &mut scratch.float, (x, rows), epilogue, out),
    }
    Ok(())
}
