//! Products with constant weights, and what follows them.

use tract_core::internal::*;
use tract_core::ops::einsum::EinSum;
use tract_core::ops::math::Add;

use super::matching::{
    binary, both_ways, constant, producer, replace, same_shape, sole_user, vector, width,
};
use crate::operators::{Product, Weights};

/// `x · W` or `x · Wᵀ` with a constant matrix.
pub(super) fn product(
    model: &TypedModel,
    node: &TypedNode,
) -> TractResult<Option<TypedModelPatch>> {
    let Some((input, weights)) = weights(model, node) else { return Ok(None) };
    replace(model, node.id.into(), Product::new(weights), &[input])
}

fn weights(model: &TypedModel, node: &TypedNode) -> Option<(OutletId, Weights)> {
    let op = node.op_as::<EinSum>()?;
    let [input, other] = <[OutletId; 2]>::try_from(&node.inputs[..]).ok()?;
    if op.q_params.is_some() || op.operating_dt != f32::datum_type() {
        return None;
    }
    let columns = width(model, input)?;
    let matrix = constant(model, other)?;
    let transposed = orientation(op, model.outlet_fact(input).ok()?.rank(), matrix.rank())?;
    let rows = if transposed { *matrix.shape().first()? } else { *matrix.shape().last()? };
    if matrix.datum_type() != f32::datum_type() || matrix.len() != rows * columns {
        return None;
    }
    let values = matrix.try_as_plain_ram().ok()?.as_slice::<f32>().ok()?.to_vec();
    let values = if transposed { values } else { transpose(&values, columns, rows) };
    Some((input, Weights::Floats { rows, columns, values }))
}

/// Whether the matrix of `rank` 2 has its rows along the output; `None` if the operator is no
/// product of the last axis with it.
fn orientation(op: &EinSum, input_rank: usize, rank: usize) -> Option<bool> {
    let last = input_rank.checked_sub(1).filter(|_| rank == 2)?;
    let mut transposed = None;
    for axis in op.axes.iter_all_axes() {
        match (&axis.inputs[0][..], &axis.inputs[1][..], &axis.outputs[0][..]) {
            ([input], [], [output]) if input == output && *input < last => {}
            ([input], [_], []) if *input == last => {}
            ([], [position], [output]) if *output == last => transposed = Some(*position == 0),
            _ => return None,
        }
    }
    transposed
}

fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let row = |column| (0..rows).map(move |row| values[row * columns + column]);
    (0..columns).flat_map(row).collect()
}

/// A product that nothing but `node` uses, and the other operand of the sum that `node` is.
fn summed<'a>(
    model: &'a TypedModel,
    node: &TypedNode,
) -> impl Iterator<Item = (&'a TypedNode, &'a Product, OutletId)> {
    let operands = binary::<Add>(node).map(both_ways).into_iter().flatten();
    operands.filter_map(|[sum, other]| {
        let producer = producer(model, sum);
        let product = producer.op_as::<Product>()?;
        sole_user(model, sum)?;
        Some((producer, product, other))
    })
}

/// A product and a constant row.
pub(super) fn bias(model: &TypedModel, node: &TypedNode) -> TractResult<Option<TypedModelPatch>> {
    for (producer, product, other) in summed(model, node) {
        let rows = product.weights().rows();
        if product.is_bare()
            && let Some(bias) = vector(model, other, rows)
        {
            let op = product.clone().with_bias(bias);
            return replace(model, node.id.into(), op, &producer.inputs);
        }
    }
    Ok(None)
}

/// A product and what goes around it.
pub(super) fn residual(
    model: &TypedModel,
    node: &TypedNode,
) -> TractResult<Option<TypedModelPatch>> {
    for (producer, product, other) in summed(model, node) {
        let output = OutletId::from(producer.id);
        if product.takes_more() && same_shape(model, output, other) && width(model, other).is_some()
        {
            let inputs = [producer.inputs[0], other];
            return replace(model, node.id.into(), product.clone().with_residual(), &inputs);
        }
    }
    Ok(None)
}
