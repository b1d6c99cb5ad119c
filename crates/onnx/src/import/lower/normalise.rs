use tract_core::internal::*;
use tract_core::ops::math::{self, Add, Div, Mul, Sub};
use tract_core::ops::nn::{Reduce, Reducer, Softmax};

use super::{Lower, Wiring};
use crate::shape::resolve_axis;

pub(super) fn lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "Softmax" => softmax,
        "LayerNormalization" => layer_normalization,
        "ReduceMean" => |w| reduce(w, Reducer::Sum, true),
        "ReduceSum" => |w| reduce(w, Reducer::Sum, false),
        "ReduceMax" => |w| reduce(w, Reducer::Max, false),
        "ReduceMin" => |w| reduce(w, Reducer::Min, false),
        _ => return None,
    })
}

pub(super) fn contrib_lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "SkipLayerNormalization" => skip_layer_normalization,
        _ => return None,
    })
}

fn softmax(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let rank = w.rank(input)?;
    let axis = w.node.int_or("axis", if w.opset < 13 { 1 } else { -1 });
    let axis = resolve_axis(axis, rank)?;
    // Before operator set 13 everything from the axis on was one row.
    ensure!(w.opset >= 13 || axis + 1 == rank, "only the last axis is supported");
    let op = Softmax { axes: tvec![axis], ..Softmax::default() };
    Ok(tvec!(w.wire("out", op, &[input])?))
}

fn reduce(w: &mut Wiring<'_>, reducer: Reducer, mean: bool) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let rank = w.rank(input)?;
    let axes = match w.axes(1, rank)? {
        Some(axes) if !axes.is_empty() => axes,
        _ if w.node.int_or("noop_with_empty_axes", 0) != 0 => return Ok(tvec!(input)),
        _ => (0..rank).collect(),
    };
    let mut out = w.wire("reduced", Reduce::new(axes.clone(), reducer), &[input])?;
    if mean {
        out = divide_by_length(w, out, input, &axes)?;
    }
    if w.node.int_or("keepdims", 1) == 0 {
        for axis in axes.into_iter().rev() {
            out = w.wire("dropped", AxisOp::Rm(axis), &[out])?;
        }
    }
    Ok(tvec!(out))
}

fn divide_by_length(
    w: &mut Wiring<'_>,
    sum: OutletId,
    summed: OutletId,
    axes: &[usize],
) -> TractResult<OutletId> {
    let fact = w.fact(summed)?;
    let length: TDim = axes.iter().map(|axis| &fact.shape[*axis]).product();
    let length = w.scalar("length", tensor0(length))?;
    let length = w.cast(length, fact.datum_type)?;
    w.binary("mean", Box::new(Div), [sum, length])
}

fn layer_normalization(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let axis = resolve_axis(w.node.int_or("axis", -1), w.rank(input)?)?;
    let (scale, bias) = (w.input(1)?, w.optional(2));
    Ok(tvec!(normalised(w, input, axis, (scale, bias))?))
}

/// `LayerNorm(input + skip (+ bias))`; the fourth output is the sum.
fn skip_layer_normalization(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let (input, skip, gamma, beta) = (w.input(0)?, w.input(1)?, w.input(2)?, w.optional(3));
    let mut sum = w.binary("skip", Box::new(Add), [input, skip])?;
    if let Some(bias) = w.optional(4) {
        sum = w.binary("bias", Box::new(Add), [sum, bias])?;
    }
    let axis = resolve_axis(-1, w.rank(sum)?)?;
    let out = normalised(w, sum, axis, (gamma, beta))?;
    Ok(tvec!(out, sum, sum, sum))
}

fn normalised(
    w: &mut Wiring<'_>,
    input: OutletId,
    axis: usize,
    (scale, bias): (OutletId, Option<OutletId>),
) -> TractResult<OutletId> {
    let axes: TVec<usize> = (axis..w.rank(input)?).collect();
    let sum = w.wire("sum", Reduce::new(axes.clone(), Reducer::Sum), &[input])?;
    let mean = divide_by_length(w, sum, input, &axes)?;
    let centred = w.binary("centred", Box::new(Sub), [input, mean])?;
    let squares = w.unary("squares", math::square(), centred)?;
    let squares = w.wire("sum", Reduce::new(axes.clone(), Reducer::Sum), &[squares])?;
    let variance = divide_by_length(w, squares, centred, &axes)?;
    let epsilon = w.float("epsilon", w.node.float_or("epsilon", 1e-5))?;
    let variance = w.binary("variance", Box::new(Add), [variance, epsilon])?;
    let inverse = w.unary("inverse", math::rsqrt(), variance)?;
    let normal = w.binary("normal", Box::new(Mul), [centred, inverse])?;
    let scaled = w.binary("scaled", Box::new(Mul), [normal, scale])?;
    match bias {
        Some(bias) => w.binary("out", Box::new(Add), [scaled, bias]),
        None => Ok(scaled),
    }
}
