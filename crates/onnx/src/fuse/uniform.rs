//! Values whose elements are all the same, whatever their shape.

use tract_core::internal::*;
use tract_core::ops::array::MultiBroadcastTo;
use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::cast::Cast;
use tract_core::ops::element_wise::ElementWiseOp;
use tract_core::ops::logic::Iff;

use super::matching::producer;

/// Operators between a value and the constants it comes from, at most.
const DEEPEST: usize = 32;

/// The element that `outlet` consists of, as a scalar, where that can be told.
pub(super) fn element(model: &TypedModel, outlet: OutletId) -> Option<Tensor> {
    search(model, outlet, DEEPEST)
}

fn search(model: &TypedModel, outlet: OutletId, depth: usize) -> Option<Tensor> {
    let fact = model.outlet_fact(outlet).ok()?;
    if let Some(value) = &fact.konst {
        let same = value.is_plain_ram() && value.len() > 0 && value.is_uniform();
        return same.then(|| value.as_uniform())?;
    }
    let node = producer(model, outlet);
    let depth = depth.checked_sub(1)?;
    if node.op_is::<AxisOp>() || node.op_is::<MultiBroadcastTo>() {
        return search(model, *node.inputs.first()?, depth);
    }
    let elementwise = node.op_is::<ElementWiseOp>()
        || node.op_is::<TypedBinOp>()
        || node.op_is::<Cast>()
        || node.op_is::<Iff>();
    if !elementwise {
        return None;
    }
    let inputs =
        node.inputs.iter().map(|input| search(model, *input, depth).map(Tensor::into_tvalue));
    let outputs = node.op.eval_out_of_plan(inputs.collect::<Option<_>>()?).ok()??;
    outputs.into_iter().next().map(TValue::into_tensor)
}
