//! `QuantizeLinear`, `DequantizeLinear` and products of codes that are computed as floats.

use tract_core::internal::*;
use tract_core::ops::math::{self, Add, Div, Max, Min, Mul, Sub};

use super::linear::product;
use super::{Lower, Wiring};
use crate::shape::resolve_axis;

pub(super) fn lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "DequantizeLinear" => dequantize_linear,
        "QuantizeLinear" => quantize_linear,
        _ => return None,
    })
}

pub(super) fn contrib_lowering(operator: &str) -> Option<Lower> {
    (operator == "DynamicQuantizeMatMul").then_some(dynamic_quantize_matmul as Lower)
}

/// `(x - zero_point) · scale`, the parameters scalar, along `axis`, or for blocks of it.
fn dequantize_linear(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let x = w.input(0)?;
    let mut out = w.cast(x, f32::datum_type())?;
    if w.optional(2).is_some() {
        let zero_point = parameter(w, 2, x)?;
        out = w.binary("shifted", Box::new(Sub), [out, zero_point])?;
    }
    let scale = parameter(w, 1, x)?;
    Ok(tvec!(w.binary("out", Box::new(Mul), [out, scale])?))
}

/// `x / scale + zero_point`, rounded, within the range of the codes.
fn quantize_linear(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let x = w.input(0)?;
    let codes = match w.optional(2) {
        Some(zero_point) => w.dtype(zero_point)?,
        None => match w.node.int_or("output_dtype", 0) {
            0 | 2 => u8::datum_type(),
            3 => i8::datum_type(),
            other => bail!("codes of element type {other} are not supported"),
        },
    };
    let scale = parameter(w, 1, x)?;
    let x = w.cast(x, f32::datum_type())?;
    let scaled = w.binary("scaled", Box::new(Div), [x, scale])?;
    let zero_point = match w.optional(2) {
        Some(_) => Some(parameter(w, 2, x)?),
        None => None,
    };
    Ok(tvec!(coded(w, scaled, zero_point, codes)?))
}

/// Codes of numbers that have been scaled: rounded, moved by the zero point, within the range of the type.
pub(super) fn coded(
    w: &mut Wiring<'_>,
    scaled: OutletId,
    zero_point: Option<OutletId>,
    codes: DatumType,
) -> TractResult<OutletId> {
    let range: [f32; 2] = match codes {
        DatumType::U8 => [0.0, 255.0],
        DatumType::I8 => [-128.0, 127.0],
        _ => bail!("codes of {codes:?} are not supported"),
    };
    let mut out = w.unary("rounded", math::round_half_to_even(), scaled)?;
    if let Some(zero_point) = zero_point {
        out = w.binary("shifted", Box::new(Add), [out, zero_point])?;
    }
    let (low, high) = (w.float("low", range[0])?, w.float("high", range[1])?);
    out = w.binary("low", Box::new(Max), [out, low])?;
    out = w.binary("high", Box::new(Min), [out, high])?;
    w.cast(out, codes)
}

/// A scale or zero point as f32, in a shape that broadcasts to that of `x`.
fn parameter(w: &mut Wiring<'_>, index: usize, x: OutletId) -> TractResult<OutletId> {
    let outlet = w.input(index)?;
    let rank = w.rank(x)?;
    let shape = w.fact(outlet)?.shape.to_tvec();
    let outlet = w.cast(outlet, f32::datum_type())?;
    if shape.len() == 1 && rank > 0 && !shape[0].is_one() {
        let axis = resolve_axis(w.node.int_or("axis", 1), rank)?;
        return along(w, outlet, axis, rank);
    }
    if shape.iter().all(TDim::is_one) {
        let mut outlet = outlet;
        for _ in shape {
            outlet = w.wire("scalar", AxisOp::Rm(0), &[outlet])?;
        }
        return Ok(outlet);
    }
    let block = usize::try_from(w.node.int_or("block_size", 0))?;
    ensure!(block > 0 && shape.len() == rank, "parameters of {shape:?}");
    let axis = resolve_axis(w.node.int_or("axis", 1), rank)?;
    repeated(w, outlet, axis, block, x)
}

/// A vector on one axis of several.
pub(super) fn along(
    w: &mut Wiring<'_>,
    mut outlet: OutletId,
    axis: usize,
    rank: usize,
) -> TractResult<OutletId> {
    for _ in axis + 1..rank {
        outlet = w.wire("along", AxisOp::Add(1), &[outlet])?;
    }
    Ok(outlet)
}

/// Each element of an axis for a block of the elements of `x`.
fn repeated(
    w: &mut Wiring<'_>,
    outlet: OutletId,
    axis: usize,
    block: usize,
    x: OutletId,
) -> TractResult<OutletId> {
    let size = w.fact(x)?.shape[axis].to_usize()?;
    let blocks = w.fact(outlet)?.shape[axis].to_usize()?;
    ensure!(size.div_ceil(block) == blocks, "{blocks} blocks of {block} in {size}");
    let places: Vec<i64> = (0..size).map(|place| (place / block) as i64).collect();
    let places = w.scalar("blocks", tensor1(&places))?;
    w.wire("repeated", tract_core::ops::array::Gather::new(axis), &[outlet, places])
}

/// A product with constant codes, which are taken for what they stand for; activations stay
/// floats, which is no less exact.
fn dynamic_quantize_matmul(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let (a, b, scale) = (w.input(0)?, w.input(1)?, w.input(2)?);
    let mut b = w.cast(b, f32::datum_type())?;
    if let Some(zero_point) = w.optional(3) {
        let zero_point = w.cast(zero_point, f32::datum_type())?;
        b = w.binary("shifted", Box::new(Sub), [b, zero_point])?;
    }
    b = w.binary("weights", Box::new(Mul), [b, scale])?;
    let mut out = product(w, a, b, false)?;
    if let Some(bias) = w.optional(4) {
        out = w.binary("biased", Box::new(Add), [out, bias])?;
    }
    Ok(tvec!(out))
}
