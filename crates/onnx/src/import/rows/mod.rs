//! Proves by a graph's structure that the rows of a batch do not influence each other, following the batch axis from
//! inputs to outputs. An operator that is not known to keep rows apart ends the proof.
//! Used by `import`. Does not run graphs.

mod operator;
mod value;

use std::collections::HashMap;

use tract_core::internal::*;
use tract_core::ops::array::{
    CumSum, Gather, GatherElements, GatherNd, MultiBroadcastTo, Range, Slice, Trilu, TypedConcat,
};
use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::cast::Cast;
use tract_core::ops::einsum::EinSum;
use tract_core::ops::element_wise::ElementWiseOp;
use tract_core::ops::konst::Const;
use tract_core::ops::logic::Iff;
use tract_core::ops::nn::{Reduce, Softmax};
use tract_core::ops::source::TypedSource;

use self::operator::Op;
use self::value::{ACROSS, ALIGNED, COUNTED, Kept, Rows, UNKNOWN, Value};
use super::lowering::{graph_error, lower};
use super::whole::{Dim, input_port};
use crate::element::datum_type;
use crate::error::OnnxError;
use crate::operators::{Convolve, Pool, Product, Recur};
use crate::proto::{ModelProto, ValueInfoProto};
use crate::shape::check_volume;

/// Stands for the number of rows; no name of a dimension has it.
const ROWS: &str = "rows🎯";

/// Checks that each output of a graph has one row for each row of the inputs, which depends on
/// that row alone. The first dimension of every input is the batch.
///
/// # Errors
/// The node and operator that mix rows, or that nothing is known of.
pub fn rows_are_independent(model: ModelProto) -> Result<(), String> {
    let refuse = |error: OnnxError| error.to_string();
    let mut lowered = lower(model, source_fact, true).map_err(refuse)?;
    let names: Vec<String> = lowered.outputs.iter().map(|output| output.name.clone()).collect();
    let outlets = names.iter().map(|name| lowered.value(name)).collect::<Result<Vec<_>, _>>();
    let outlets = outlets.map_err(refuse)?;
    let failed = |error: TractError| refuse(graph_error(error));
    lowered.model.select_output_outlets(&outlets).map_err(failed)?;
    let rows = lowered.model.symbols.sym(ROWS);
    let mut walk = Walk { model: &lowered.model, rows, values: HashMap::new() };
    walk.run().map_err(failed)?;
    for (name, outlet) in names.iter().zip(&outlets) {
        match walk.value(*outlet) {
            Value::Rows(Rows { axis: 0, each }) if each.is_one() => {}
            Value::Mixed(reason) => return Err(reason),
            Value::Rows(_) | Value::Shared => {
                return Err(format!(
                    "output {name} does not have one row for each row of the inputs"
                ));
            }
        }
    }
    Ok(())
}

/// An input as it is declared, but for its first dimension.
fn source_fact(input: &ValueInfoProto, symbols: &SymbolScope) -> Result<TypedFact, OnnxError> {
    let port = input_port(input)?;
    let refuse = |reason: &str| OnnxError::Graph(format!("input {} {reason}", input.name));
    let dtype =
        datum_type(port.element).ok_or_else(|| refuse("has an unsupported element type"))?;
    let [first, others @ ..] = &port.dims[..] else {
        return Err(refuse("has no batch dimension"));
    };
    if matches!(first, Dim::Fixed(_)) || others.contains(first) && *first != Dim::Any {
        return Err(refuse(
            "has a batch dimension that is fixed, or that another dimension equals",
        ));
    }
    let other = |dim: &Dim| match dim {
        Dim::Fixed(size) => size.to_dim(),
        Dim::Named(name) => symbols.sym(name).to_dim(),
        Dim::Any => symbols.new_with_prefix(&format!("{}_dim", input.name)).to_dim(),
    };
    let dims: Vec<TDim> =
        std::iter::once(symbols.sym(ROWS).to_dim()).chain(others.iter().map(other)).collect();
    check_volume(&dims, dtype).map_err(graph_error)?;
    Ok(dtype.fact(dims))
}

struct Walk<'a> {
    model: &'a TypedModel,
    rows: Symbol,
    values: HashMap<OutletId, Value>,
}

impl Walk<'_> {
    fn run(&mut self) -> TractResult<()> {
        for id in self.model.eval_order()? {
            let node = self.model.node(id);
            let inputs: Vec<Value> = node.inputs.iter().map(|input| self.value(*input)).collect();
            for slot in 0..node.outputs.len() {
                let outlet = OutletId::new(id, slot);
                let value = self.classify(node, &inputs, outlet)?;
                self.values.insert(outlet, value);
            }
        }
        Ok(())
    }

    fn value(&self, outlet: OutletId) -> Value {
        let known = self.values.get(&outlet).cloned();
        known.unwrap_or_else(|| Value::Mixed("a value is used before it is computed".into()))
    }

    fn classify(&self, node: &TypedNode, inputs: &[Value], outlet: OutletId) -> TractResult<Value> {
        if let Some(mixed) = inputs.iter().find(|value| matches!(value, Value::Mixed(_))) {
            return Ok(mixed.clone());
        }
        let mixed = |reason: &str| {
            Value::Mixed(format!("node {} ({}) {reason}", node.name, node.op.name()))
        };
        let fact = self.model.outlet_fact(outlet)?;
        let dims = fact.shape.to_tvec();
        if let Some(konst) = &fact.konst {
            return Ok(if self.counts(konst) { mixed(COUNTED) } else { Value::Shared });
        }
        let facts = node.inputs.iter().map(|input| self.model.outlet_fact(*input));
        let facts = facts.collect::<TractResult<Vec<_>>>()?;
        let kept = if inputs.iter().all(|value| *value == Value::Shared) {
            self.of_shared(node, &dims)
        } else {
            self.of_rows(&Op { node, inputs, facts, dims: &dims, slot: outlet.slot })
        };
        Ok(match kept {
            // Shapes have the last word: the operator may have been misunderstood.
            Ok(value) if self.fits(&value, &dims) => value,
            Ok(_) => mixed(ALIGNED),
            Err(reason) => mixed(reason),
        })
    }

    fn mentions(&self, dim: &TDim) -> bool {
        dim.symbols().contains(&self.rows)
    }

    /// Whether a constant depends on the number of rows.
    fn counts(&self, konst: &Tensor) -> bool {
        if konst.datum_type() != TDim::datum_type() {
            return false;
        }
        let plain = konst.try_as_plain_ram();
        let dims = plain.as_ref().ok().and_then(|plain| plain.as_slice::<TDim>().ok());
        dims.is_none_or(|dims| dims.iter().any(|dim| self.mentions(dim)))
    }

    /// What one dimension has for each row.
    fn each(&self, dim: &TDim) -> Option<TDim> {
        let each = dim.substitute(&self.rows, &1.to_dim()).ok()?;
        let whole = (self.rows.to_dim() * each.clone()).simplify();
        (self.mentions(dim) && !self.mentions(&each) && whole == dim.clone().simplify())
            .then_some(each)
    }

    fn fits(&self, value: &Value, dims: &[TDim]) -> bool {
        let counted = |dim: &TDim| self.mentions(dim);
        match value {
            Value::Shared => !dims.iter().any(counted),
            Value::Rows(rows) => {
                dims.iter().enumerate().all(|(axis, dim)| {
                    if axis == rows.axis {
                        self.each(dim).as_ref() == Some(&rows.each)
                    } else {
                        !counted(dim)
                    }
                }) && rows.axis < dims.len()
            }
            Value::Mixed(_) => true,
        }
    }

    /// What becomes of values that no row has an influence on.
    fn of_shared(&self, node: &TypedNode, dims: &[TDim]) -> Kept {
        let axis = dims.iter().position(|dim| self.mentions(dim));
        match axis {
            _ if node.op_is::<TypedSource>() => Ok(Value::Rows(Rows::at(0))),
            None => Ok(Value::Shared),
            // The same for each row.
            Some(axis) if node.op_is::<MultiBroadcastTo>() && self.each(&dims[axis]).is_some() => {
                Ok(Value::Rows(Rows { axis, each: self.each(&dims[axis]).unwrap_or_default() }))
            }
            Some(_) if node.op_is::<Const>() || node.op_is::<Range>() => Err(COUNTED),
            Some(_) => Err(UNKNOWN),
        }
    }

    fn of_rows(&self, op: &Op<'_>) -> Kept {
        let node = op.node;
        if node.op_is::<ElementWiseOp>()
            || node.op_is::<Cast>()
            || node.op_is::<TypedBinOp>()
            || node.op_is::<Iff>()
        {
            return op.broadcast();
        }
        if let Some(op_) = node.op_as::<AxisOp>() {
            return self.moved(op, op_);
        }
        if let Some(einsum) = node.op_as::<EinSum>() {
            return op.einsum(einsum);
        }
        if let Some(gather) = node.op_as::<Gather>() {
            return op.gather(gather.axis);
        }
        if let Some(gather) = node.op_as::<GatherElements>() {
            return op.gather_elements(gather.axis);
        }
        if let Some(gather) = node.op_as::<GatherNd>() {
            return op.gather_nd(gather.batch_dims);
        }
        if node.op_is::<MultiBroadcastTo>() {
            return op.sole();
        }
        if let Some(concat) = node.op_as::<TypedConcat>() {
            let value = op.aligned()?;
            return op.outside(value, &[concat.axis]);
        }
        if let Some(recur) = node.op_as::<Recur>() {
            return op.recur(recur);
        }
        let rank = op.dims.len();
        let across = if node.op_is::<Convolve>() {
            (1..rank).collect()
        } else if node.op_is::<Pool>() {
            (2..rank).collect()
        } else if let Some(reduce) = node.op_as::<Reduce>() {
            reduce.axes.to_vec()
        } else if let Some(softmax) = node.op_as::<Softmax>() {
            softmax.axes.to_vec()
        } else if let Some(slice) = node.op_as::<Slice>() {
            vec![slice.axis]
        } else if let Some(sum) = node.op_as::<CumSum>() {
            vec![sum.axis]
        } else if node.op_is::<Trilu>() {
            vec![rank.saturating_sub(2), rank.saturating_sub(1)]
        } else if node.op_is::<Product>() {
            vec![rank.saturating_sub(1)]
        } else {
            return Err(UNKNOWN);
        };
        op.outside(op.sole()?, &across)
    }

    /// Axes added, removed, moved, or reshaped.
    fn moved(&self, op: &Op<'_>, change: &AxisOp) -> Kept {
        let Value::Rows(Rows { axis, each }) = op.sole()? else { return Err(UNKNOWN) };
        let AxisOp::Reshape(at, from, to) = change else {
            let axis = change.transform_axis(axis).ok_or(ACROSS)?;
            return Ok(Value::Rows(Rows { axis, each }));
        };
        if axis < *at {
            return Ok(Value::Rows(Rows { axis, each }));
        }
        if axis >= at + from.len() {
            let axis = axis + to.len() - from.len();
            return Ok(Value::Rows(Rows { axis, each }));
        }
        // Rows stay whole where what lies before them does.
        let product = |dims: &[TDim]| dims.iter().product::<TDim>().simplify();
        let before = product(&from[..axis - at]);
        let place = to.iter().position(|dim| self.mentions(dim)).ok_or(ACROSS)?;
        let each = self.each(&to[place]).ok_or(ACROSS)?;
        let kept = product(&to[..place]) == before;
        if kept { Ok(Value::Rows(Rows { axis: at + place, each })) } else { Err(ACROSS) }
    }
}
