//! What patterns ask of a graph.

use tract_core::internal::*;
use tract_core::ops::binary::{BinMiniOp, TypedBinOp};
use tract_core::ops::element_wise::{ElementWiseMiniOp, ElementWiseOp};

pub(super) fn producer(model: &TypedModel, outlet: OutletId) -> &TypedNode {
    model.node(outlet.node)
}

/// The only node that uses `outlet`, unless it is an output of the graph, too.
pub(super) fn sole_user(model: &TypedModel, outlet: OutletId) -> Option<&TypedNode> {
    match model.outlet_successors(outlet) {
        [user] if !model.outputs.contains(&outlet) => Some(model.node(user.node)),
        _ => None,
    }
}

/// The operands of `node` if it is the binary operator `O`.
pub(super) fn binary<O: BinMiniOp>(node: &TypedNode) -> Option<[OutletId; 2]> {
    let op = node.op_as::<TypedBinOp>()?;
    let operands = <[OutletId; 2]>::try_from(&node.inputs[..]).ok()?;
    (op.0.is::<O>() && op.1.is_none()).then_some(operands)
}

/// The operand of `node` if it is the elementwise operator `O`.
pub(super) fn unary<O: ElementWiseMiniOp>(node: &TypedNode) -> Option<OutletId> {
    let op = node.op_as::<ElementWiseOp>()?;
    (op.0.is::<O>() && op.1.is_none()).then(|| node.inputs.first().copied()).flatten()
}

/// The operands both ways round.
pub(super) fn both_ways([a, b]: [OutletId; 2]) -> [[OutletId; 2]; 2] {
    [[a, b], [b, a]]
}

/// The value of a constant, also where it has been given another shape.
pub(super) fn constant(model: &TypedModel, outlet: OutletId) -> Option<Arc<Tensor>> {
    if let Some(value) = &model.outlet_fact(outlet).ok()?.konst {
        return Some(Arc::clone(value));
    }
    let node = producer(model, outlet);
    let op = node.op_as::<AxisOp>()?;
    let mut value = constant(model, *node.inputs.first()?)?.into_tensor();
    op.change_tensor(&mut value, false).ok()?;
    Some(value.into_arc_tensor())
}

/// The value of a constant of one element.
pub(super) fn scalar(model: &TypedModel, outlet: OutletId) -> Option<f32> {
    let value = constant(model, outlet)?;
    let single = value.len() == 1 && value.datum_type().is_float();
    single.then(|| value.cast_to_scalar::<f32>().ok()).flatten()
}

/// The elements of a constant whose last axis has `width` of them and whose others are 1.
pub(super) fn vector(model: &TypedModel, outlet: OutletId, width: usize) -> Option<Vec<f32>> {
    let value = constant(model, outlet)?;
    let fits = value.len() == width && value.shape().last() == Some(&width);
    if !fits || value.datum_type() != f32::datum_type() {
        return None;
    }
    Some(value.try_as_plain_ram().ok()?.as_slice::<f32>().ok()?.to_vec())
}

/// The size of the last axis, where it is known, of f32 values.
pub(super) fn width(model: &TypedModel, outlet: OutletId) -> Option<usize> {
    let fact = model.outlet_fact(outlet).ok()?;
    let float = fact.datum_type == f32::datum_type() && fact.is_plain();
    float.then(|| fact.shape.iter().last()?.to_usize().ok()).flatten()
}

/// `value` within a few roundings.
pub(super) fn is_about(found: Option<f32>, value: f32) -> bool {
    found.is_some_and(|found| (found - value).abs() <= 1e-5 * value.abs())
}

pub(super) fn same_shape(model: &TypedModel, a: OutletId, b: OutletId) -> bool {
    let shape = |outlet| model.outlet_fact(outlet).ok().map(|fact| &fact.shape);
    shape(a).is_some() && shape(a) == shape(b)
}

/// Puts `op` on `inputs` in the place of `outlet`.
pub(super) fn replace(
    model: &TypedModel,
    outlet: OutletId,
    op: impl Into<Box<dyn TypedOp>>,
    inputs: &[OutletId],
) -> TractResult<Option<TypedModelPatch>> {
    let mut patch = TypedModelPatch::default();
    let inputs = patch.taps(model, inputs)?;
    let name = format!("{}#fused", producer(model, outlet).name);
    let fused = patch.wire_node(name, op.into(), &inputs)?;
    let Some(fused) = fused.first() else { return Ok(None) };
    if !model.outlet_fact(outlet)?.compatible_with(patch.outlet_fact(*fused)?) {
        return Ok(None);
    }
    patch.shunt_outside(model, outlet, *fused)?;
    Ok(Some(patch))
}
