//! Layer normalization, spelt out.

use tract_core::internal::*;
use tract_core::ops::math::{Add, Div, Mul, Pow, Rsqrt, Sqrt, Square, Sub};
use tract_core::ops::nn::{Reduce, Reducer};

use super::matching::{
    binary, both_ways, producer, replace, same_shape, scalar, sole_user, unary, vector, width,
};
use crate::operators::Normalize;

/// `(x - mean) / √(variance + ε) · γ + β`, from its last sum.
pub(super) fn layer_norm(
    model: &TypedModel,
    node: &TypedNode,
) -> TractResult<Option<TypedModelPatch>> {
    match matched(model, node) {
        Some((x, op)) => replace(model, node.id.into(), op, &[x]),
        None => Ok(None),
    }
}

fn matched(model: &TypedModel, node: &TypedNode) -> Option<(OutletId, Normalize)> {
    let length = width(model, node.id.into())?;
    both_ways(binary::<Add>(node)?).into_iter().find_map(|[scaled, beta]| {
        let beta = vector(model, beta, length)?;
        both_ways(binary::<Mul>(producer(model, scaled))?).into_iter().find_map(
            |[normal, gamma]| {
                let gamma = vector(model, gamma, length)?;
                let (x, epsilon) = normalized(model, normal)?;
                Some((x, Normalize::new(gamma, beta.clone(), epsilon)?))
            },
        )
    })
}

/// `x` and ε of `(x - mean) / √(variance + ε)`.
fn normalized(model: &TypedModel, outlet: OutletId) -> Option<(OutletId, f32)> {
    let node = producer(model, outlet);
    let (centered, variance) = match binary::<Div>(node) {
        Some([centered, root]) => (centered, unary::<Sqrt>(producer(model, root))?),
        None => both_ways(binary::<Mul>(node)?).into_iter().find_map(|[centered, inverse]| {
            Some((centered, unary::<Rsqrt>(producer(model, inverse))?))
        })?,
    };
    let x = centered_of(model, centered)?;
    let ways = both_ways(binary::<Add>(producer(model, variance))?);
    let (squares, epsilon) =
        ways.into_iter().find_map(|[mean, epsilon]| Some((mean, scalar(model, epsilon)?)))?;
    let squares = mean_of(model, squares)?;
    // Some exporters subtract twice.
    let squared = square_of(model, squares)?;
    (squared == centered || centered_of(model, squared) == Some(x)).then_some((x, epsilon))
}

/// `x` of `x - mean(x)`.
fn centered_of(model: &TypedModel, outlet: OutletId) -> Option<OutletId> {
    let [x, mean] = binary::<Sub>(producer(model, outlet))?;
    (mean_of(model, mean)? == x).then_some(x)
}

fn square_of(model: &TypedModel, outlet: OutletId) -> Option<OutletId> {
    let node = producer(model, outlet);
    if let Some(x) = unary::<Square>(node) {
        return Some(x);
    }
    if let Some([x, power]) = binary::<Pow>(node) {
        return (scalar(model, power) == Some(2.0)).then_some(x);
    }
    binary::<Mul>(node).and_then(|[a, b]| (a == b).then_some(a))
}

/// `x` of the mean over its last axis: a sum, divided.
fn mean_of(model: &TypedModel, outlet: OutletId) -> Option<OutletId> {
    let node = producer(model, outlet);
    let (sum, divisor) = match binary::<Div>(node) {
        Some([sum, length]) => (sum, scalar(model, length)?),
        None => both_ways(binary::<Mul>(node)?)
            .into_iter()
            .find_map(|[sum, inverse]| Some((sum, 1.0 / scalar(model, inverse)?)))?,
    };
    let sum = producer(model, sum);
    let op = sum.op_as::<Reduce>().filter(|op| op.reducer == Reducer::Sum)?;
    let x = *sum.inputs.first()?;
    let last = model.outlet_fact(x).ok()?.rank().checked_sub(1)?;
    let whole = op.axes[..] == [last] && width(model, x)? as f32 == divisor.round();
    whole.then_some(x)
}

/// A layer normalization of a sum that nothing else uses.
pub(super) fn residual(
    model: &TypedModel,
    node: &TypedNode,
) -> TractResult<Option<TypedModelPatch>> {
    let Some(op) = node.op_as::<Normalize>().filter(|op| !op.has_residual()) else {
        return Ok(None);
    };
    let sum = node.inputs[0];
    match binary::<Add>(producer(model, sum)) {
        Some([a, b]) if same_shape(model, a, b) && sole_user(model, sum).is_some() => {
            replace(model, node.id.into(), op.clone().with_residual(), &[a, b])
        }
        _ => Ok(None),
    }
}
