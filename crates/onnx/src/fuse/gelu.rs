//! `x · ½ · (1 + erf(x / √2))` behind a product, however its factors are put together.

use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

use tract_core::internal::*;
use tract_core::ops::math::{Add, Div, Erf, Mul};

use super::matching::{binary, both_ways, is_about, producer, replace, scalar, sole_user, unary};
use crate::operators::Product;

pub(super) fn gelu(model: &TypedModel, node: &TypedNode) -> TractResult<Option<TypedModelPatch>> {
    let Some((x, output)) = matched(model, node) else { return Ok(None) };
    let producer = producer(model, x);
    match producer.op_as::<Product>() {
        Some(product) if product.takes_more() && users_are_inside(model, x, output, LONGEST) => {
            replace(model, output, product.clone().with_gelu(), &producer.inputs)
        }
        _ => Ok(None),
    }
}

/// `x` and the result, if `node` is the error function of a GELU.
fn matched(model: &TypedModel, node: &TypedNode) -> Option<(OutletId, OutletId)> {
    let x = halved_root(model, producer(model, unary::<Erf>(node)?))?;
    let gate = sole_user(model, node.id.into())?;
    let summands = binary::<Add>(gate)?;
    summands.iter().find(|summand| is_about(scalar(model, **summand), 1.0))?;
    // What is left to multiply the gate with: x and ½, in one step or two, in any order.
    let (mut times_x, mut halved, mut product) = (false, false, gate);
    while !(times_x && halved) {
        let user = sole_user(model, product.id.into())?;
        let factors = binary::<Mul>(user)?;
        let other = factors.into_iter().find(|factor| factor.node != product.id)?;
        if other == x && !times_x {
            times_x = true;
        } else if is_about(scalar(model, other), 0.5) && !halved {
            halved = true;
        } else if is_half_of(model, other, x) && !times_x && !halved {
            (times_x, halved) = (true, true);
        } else {
            return None;
        }
        product = user;
    }
    Some((x, product.id.into()))
}

/// `x` of `x / √2`.
fn halved_root(model: &TypedModel, node: &TypedNode) -> Option<OutletId> {
    if let Some([x, root]) = binary::<Div>(node) {
        return is_about(scalar(model, root), SQRT_2).then_some(x);
    }
    let ways = both_ways(binary::<Mul>(node)?);
    let found = ways.into_iter().find(|[_, root]| is_about(scalar(model, *root), FRAC_1_SQRT_2));
    found.map(|[x, _]| x)
}

fn is_half_of(model: &TypedModel, outlet: OutletId, x: OutletId) -> bool {
    let factors = binary::<Mul>(producer(model, outlet)).map(both_ways);
    let halves = |[a, b]: [OutletId; 2]| a == x && is_about(scalar(model, b), 0.5);
    factors.is_some_and(|ways| ways.into_iter().any(halves))
}

/// Nodes that lie between `x` and the end of a GELU at most.
const LONGEST: usize = 6;

/// Whether all that is computed of `x` ends in `output`, within `steps` nodes.
fn users_are_inside(model: &TypedModel, x: OutletId, output: OutletId, steps: usize) -> bool {
    if steps == 0 || model.outputs.contains(&x) {
        return false;
    }
    model.outlet_successors(x).iter().all(|user| {
        user.node == output.node || users_are_inside(model, user.node.into(), output, steps - 1)
    })
}
