use crate::epilogue::Epilogue;
use crate::error::{Error, check_length, checked_area};
use crate::float::{F32Weights, FloatProduct, FloatScratch};
use crate::int4::{Int4Product, Int4Scratch, Int4Weights};
use crate::int8::{Int8Product, Int8Scratch, Int8Weights};
use crate::tile;

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
#[derive(Debug, Default)]
pub struct Scratch {
    int4: Int4Scratch,
    int8: Int8Scratch,
    float: FloatScratch,
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
        Weights::Int4(weights) => {
            let mut product = Int4Product::new(weights, &mut scratch.int4);
            tile::run(&mut product, x, rows, epilogue, out);
        }
        Weights::Int8(weights) => {
            let mut product = Int8Product::new(weights, &mut scratch.int8);
            tile::run(&mut product, x, rows, epilogue, out);
        }
        Weights::F32(weights) => {
            let mut product = FloatProduct::new(weights, &mut scratch.float);
            tile::run(&mut product, x, rows, epilogue, out);
        }
    }
    Ok(())
}
