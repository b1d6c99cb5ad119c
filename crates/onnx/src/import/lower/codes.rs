//! Convolutions of codes, and products and convolutions whose results are codes again. Codes less their zero points
//! are multiplied as f32, for which there are fast kernels: sums up to 2^24 are exact.

use tract_core::internal::*;
use tract_core::ops::math::{Div, Mul, Sub};

use super::linear::product;
use super::quantize::{along, coded};
use super::window::{Operands, convolved};
use super::{Lower, Wiring};

pub(super) fn lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "QLinearMatMul" => qlinear_matmul,
        "ConvInteger" => conv_integer,
        "QLinearConv" => qlinear_conv,
        _ => return None,
    })
}

/// What a scale or zero point that is a vector has an element for.
#[derive(Clone, Copy)]
enum Each {
    Row,
    Column,
    /// The second axis of a result, the first one of weights.
    Channel(usize),
}

fn qlinear_matmul(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let a = shifted(w, [0, 2], Each::Row)?;
    let b = shifted(w, [3, 5], Each::Column)?;
    let sums = product(w, a, b, false)?;
    let rank = w.rank(sums)?;
    let scales = [(1, Each::Row), (4, Each::Column), (6, Each::Column)];
    Ok(tvec!(requantized(w, sums, scales.map(|(index, each)| (index, each, rank)))?))
}

fn conv_integer(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let x = shifted(w, [0, 2], Each::Channel(1))?;
    let weights = shifted(w, [1, 3], Each::Channel(0))?;
    let sums = convolved(w, Operands { x, weights, bias: None })?;
    Ok(tvec!(w.cast(sums, i32::datum_type())?))
}

fn qlinear_conv(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let x = shifted(w, [0, 2], Each::Channel(1))?;
    let weights = shifted(w, [3, 5], Each::Channel(0))?;
    let bias = match w.optional(8) {
        Some(bias) => Some(w.cast(bias, f32::datum_type())?),
        None => None,
    };
    let sums = convolved(w, Operands { x, weights, bias })?;
    let rank = w.rank(sums)?;
    let scales = [1, 4, 6].map(|index| (index, Each::Channel(1), rank));
    Ok(tvec!(requantized(w, sums, scales)?))
}

/// Codes less their zero point, as f32.
fn shifted(
    w: &mut Wiring<'_>,
    [codes, zero_point]: [usize; 2],
    each: Each,
) -> TractResult<OutletId> {
    let codes = w.input(codes)?;
    let (dtype, rank) = (w.dtype(codes)?, w.rank(codes)?);
    ensure!(dtype.is_integer() && dtype.size_of() == 1, "{dtype:?} is not supported");
    let numbers = w.cast(codes, f32::datum_type())?;
    if w.optional(zero_point).is_none() {
        return Ok(numbers);
    }
    let zero_point = parameter(w, (zero_point, each, rank))?;
    w.binary("shifted", Box::new(Sub), [numbers, zero_point])
}

/// The codes of `sums`: times the scales of both operands, by that of the result, which is the last. The zero
/// point of the result is the next input.
fn requantized(
    w: &mut Wiring<'_>,
    sums: OutletId,
    [a, b, y]: [(usize, Each, usize); 3],
) -> TractResult<OutletId> {
    let (index, _, rank) = y;
    let codes = w.input(index + 1)?;
    let codes = w.dtype(codes)?;
    let (a, b, y) = (parameter(w, a)?, parameter(w, b)?, parameter(w, y)?);
    let scale = w.binary("scales", Box::new(Mul), [a, b])?;
    let scale = w.binary("scale", Box::new(Div), [scale, y])?;
    let scaled = w.binary("scaled", Box::new(Mul), [sums, scale])?;
    let zero_point = parameter(w, (index + 1, Each::Column, rank))?;
    coded(w, scaled, Some(zero_point), codes)
}

/// A scale or zero point as f32, for a value of `rank` axes: one for all of it, a vector with an element for `each`,
/// or what broadcasts as it is.
fn parameter(
    w: &mut Wiring<'_>,
    (index, each, rank): (usize, Each, usize),
) -> TractResult<OutletId> {
    let outlet = w.input(index)?;
    let mut outlet = w.cast(outlet, f32::datum_type())?;
    let shape = w.fact(outlet)?.shape.to_tvec();
    if shape.iter().all(TDim::is_one) {
        for _ in shape {
            outlet = w.wire("scalar", AxisOp::Rm(0), &[outlet])?;
        }
        return Ok(outlet);
    }
    let axis = match each {
        _ if shape.len() > 1 => return Ok(outlet),
        Each::Row => rank.checked_sub(2).context("a vector")?,
        Each::Column => rank - 1,
        Each::Channel(axis) => axis,
    };
    along(w, outlet, axis, rank)
}
