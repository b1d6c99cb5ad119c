use tract_core::internal::*;
use tract_core::ops::math::{self, Add, Mul, Sub};
use tract_core::ops::nn::{Reducer, Softmax, SoftmaxKind};

use super::reduce::reduced;
use super::{Lower, Wiring};
use crate::proto::NodeProto;
use crate::shape::resolve_axis;

pub(super) fn lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "Softmax" => |w| softmax(w, SoftmaxKind::Softmax),
        "LogSoftmax" => |w| softmax(w, SoftmaxKind::LogSoftmax),
        "LayerNormalization" => layer_normalization,
        "RMSNormalization" | "SimplifiedLayerNormalization" => rms_normalization,
        "BatchNormalization" => batch_normalization,
        _ => return None,
    })
}

pub(super) fn contrib_lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "SkipLayerNormalization" => |w| skip_layer_normalization(w, false),
        "SkipSimplifiedLayerNormalization" => |w| skip_layer_normalization(w, true),
        "SimplifiedLayerNormalization" => rms_normalization,
        _ => return None,
    })
}

fn softmax(w: &mut Wiring<'_>, kind: SoftmaxKind) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let rank = w.rank(input)?;
    let axis = w.node.int_or("axis", if w.opset < 13 { 1 } else { -1 });
    let axis = resolve_axis(axis, rank)?;
    // Before operator set 13 everything from the axis on was one row.
    let axes = if w.opset < 13 { (axis..rank).collect() } else { tvec![axis] };
    let op = Softmax { axes, kind, ..Softmax::default() };
    Ok(tvec!(w.wire("out", op, &[input])?))
}

fn layer_normalization(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let axis = resolve_axis(w.node.int_or("axis", -1), w.rank(input)?)?;
    let (scale, bias) = (w.input(1)?, w.optional(2));
    normalized(w, input, axis, (scale, bias))
}

fn rms_normalization(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let axis = resolve_axis(w.node.int_or("axis", -1), w.rank(input)?)?;
    let (normal, inverse) = of_unit_variance(w, input, input, axis)?;
    let scale = w.input(1)?;
    Ok(tvec!(w.binary("out", Box::new(Mul), [normal, scale])?, inverse))
}

/// `LayerNorm(input + skip (+ bias))`; the fourth output is the sum. The simplified one has no
/// mean and no beta.
fn skip_layer_normalization(w: &mut Wiring<'_>, simplified: bool) -> TractResult<TVec<OutletId>> {
    let (input, skip, gamma) = (w.input(0)?, w.input(1)?, w.input(2)?);
    let (beta, bias) = if simplified { (None, 3) } else { (w.optional(3), 4) };
    let mut sum = w.binary("skip", Box::new(Add), [input, skip])?;
    if let Some(bias) = w.optional(bias) {
        sum = w.binary("bias", Box::new(Add), [sum, bias])?;
    }
    let axis = resolve_axis(-1, w.rank(sum)?)?;
    if simplified {
        let (normal, inverse) = of_unit_variance(w, sum, sum, axis)?;
        let out = w.binary("out", Box::new(Mul), [normal, gamma])?;
        return Ok(tvec!(out, inverse, inverse, sum));
    }
    let mut outputs = normalized(w, sum, axis, (gamma, beta))?;
    outputs.push(sum);
    Ok(outputs)
}

/// The normalized input, the mean, and the inverse of the standard deviation.
pub(super) fn normalized(
    w: &mut Wiring<'_>,
    input: OutletId,
    axis: usize,
    (scale, bias): (OutletId, Option<OutletId>),
) -> TractResult<TVec<OutletId>> {
    let axes: TVec<usize> = (axis..w.rank(input)?).collect();
    let mean = reduced(w, input, axes, (Reducer::Sum, true))?;
    let centered = w.binary("centered", Box::new(Sub), [input, mean])?;
    let (normal, inverse) = of_unit_variance(w, centered, input, axis)?;
    let mut out = w.binary("scaled", Box::new(Mul), [normal, scale])?;
    if let Some(bias) = bias {
        out = w.binary("out", Box::new(Add), [out, bias])?;
    }
    Ok(tvec!(out, mean, inverse))
}

/// `x` divided by the root of the mean of its squares, and one by that root.
fn of_unit_variance(
    w: &mut Wiring<'_>,
    x: OutletId,
    input: OutletId,
    axis: usize,
) -> TractResult<(OutletId, OutletId)> {
    let axes: TVec<usize> = (axis..w.rank(input)?).collect();
    let squares = w.unary("squares", math::square(), x)?;
    let variance = reduced(w, squares, axes, (Reducer::Sum, true))?;
    let epsilon = w.float("epsilon", w.node.float_or("epsilon", usual_epsilon(w.node)))?;
    let variance = w.binary("variance", Box::new(Add), [variance, epsilon])?;
    let inverse = w.unary("inverse", math::rsqrt(), variance)?;
    Ok((w.binary("normal", Box::new(Mul), [x, inverse])?, inverse))
}

/// What variances are summed with where a node does not say it: less in operators that ONNX Runtime fuses.
fn usual_epsilon(node: &NodeProto) -> f32 {
    match &node.op_type[..] {
        "EmbedLayerNormalization"
        | "SkipLayerNormalization"
        | "SkipSimplifiedLayerNormalization" => 1e-12,
        _ => 1e-5,
    }
}

/// `(x - mean) / √(variance + ε) · scale + bias` for each channel: a factor and a summand, which
/// are constants if the parameters are.
fn batch_normalization(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    ensure!(w.node.int_or("training_mode", 0) == 0, "training is not supported");
    let (x, epsilon) = (w.input(0)?, w.node.float_or("epsilon", 1e-5));
    let (scale, bias, mean, variance) = (w.input(1)?, w.input(2)?, w.input(3)?, w.input(4)?);
    let epsilon = w.float("epsilon", epsilon)?;
    let variance = w.binary("variance", Box::new(Add), [variance, epsilon])?;
    let inverse = w.unary("inverse", math::rsqrt(), variance)?;
    let factor = w.binary("factor", Box::new(Mul), [scale, inverse])?;
    let moved = w.binary("moved", Box::new(Mul), [mean, factor])?;
    let summand = w.binary("summand", Box::new(Sub), [bias, moved])?;
    let mut parameters = [factor, summand];
    for parameter in &mut parameters {
        if let Some(value) = w.folded(*parameter, &mut 16)? {
            *parameter = w.scalar("parameter", (*value).clone())?;
        }
        for axis in 2..w.rank(x)? {
            *parameter = w.wire("channels", AxisOp::Add(axis - 1), &[*parameter])?;
        }
    }
    let scaled = w.binary("scaled", Box::new(Mul), [x, parameters[0]])?;
    Ok(tvec!(w.binary("out", Box::new(Add), [scaled, parameters[1]])?))
}
