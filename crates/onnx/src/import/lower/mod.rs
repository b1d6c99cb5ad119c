//! Converts ONNX nodes to tract operators, with one function for each ONNX operator.
//! Used by `import`. Does not know fusion or whole graphs.

mod activation;
mod array;
mod attention;
mod codes;
mod einsum;
mod gather;
mod integer;
mod linear;
mod math;
mod normalize;
mod pad;
mod quantize;
mod range;
mod recurrent;
mod reduce;
mod rotary;
mod slice;
mod window;

use tract_core::internal::*;
use tract_core::ops::binary::{BinMiniOp, TypedBinOp};
use tract_core::ops::cast::wire_cast;
use tract_core::ops::change_axes::wire_rank_broadcast;
use tract_core::ops::element_wise::ElementWiseOp;

use crate::proto::NodeProto;
use crate::proto::is_onnx;
use crate::shape::resolve_axis;

/// Operators that are computed to find the value of an input that has to be a constant, at most.
const FOLDED: usize = 64;

pub(super) type Lower = fn(&mut Wiring<'_>) -> TractResult<TVec<OutletId>>;

/// The function that lowers `node`, if its operator is known.
pub(super) fn lowering(node: &NodeProto) -> Option<Lower> {
    let operator = &node.op_type[..];
    if is_onnx(&node.domain) {
        math::lowering(operator)
            .or_else(|| array::lowering(operator))
            .or_else(|| slice::lowering(operator))
            .or_else(|| linear::lowering(operator))
            .or_else(|| integer::lowering(operator))
            .or_else(|| normalize::lowering(operator))
            .or_else(|| reduce::lowering(operator))
            .or_else(|| quantize::lowering(operator))
            .or_else(|| codes::lowering(operator))
            .or_else(|| activation::lowering(operator))
            .or_else(|| range::lowering(operator))
            .or_else(|| pad::lowering(operator))
            .or_else(|| einsum::lowering(operator))
            .or_else(|| window::lowering(operator))
            .or_else(|| recurrent::lowering(operator))
            .or_else(|| rotary::lowering(operator))
    } else if node.domain == "com.microsoft" {
        linear::contrib_lowering(operator)
            .or_else(|| integer::contrib_lowering(operator))
            .or_else(|| normalize::contrib_lowering(operator))
            .or_else(|| activation::contrib_lowering(operator))
            .or_else(|| attention::contrib_lowering(operator))
            .or_else(|| quantize::contrib_lowering(operator))
            .or_else(|| window::contrib_lowering(operator))
            .or_else(|| rotary::contrib_lowering(operator))
            // Copies of ONNX's own that came before them.
            .or_else(|| quantize::lowering(operator))
    } else {
        None
    }
}

/// A node about to be lowered, and the graph it goes into.
pub(super) struct Wiring<'a> {
    pub(super) model: &'a mut TypedModel,
    pub(super) node: &'a NodeProto,
    /// `None` where an optional input is absent.
    pub(super) inputs: Vec<Option<OutletId>>,
    /// Unique in the graph.
    pub(super) name: String,
    pub(super) opset: i64,
    /// Block-quantized weights stay so, for [`crate::fuse`] to find.
    pub(super) keep_blocks: bool,
}

impl Wiring<'_> {
    fn optional(&self, index: usize) -> Option<OutletId> {
        self.inputs.get(index).copied().flatten()
    }

    fn input(&self, index: usize) -> TractResult<OutletId> {
        self.optional(index).with_context(|| format!("input {index} is missing"))
    }

    fn all_inputs(&self) -> TractResult<TVec<OutletId>> {
        (0..self.inputs.len()).map(|index| self.input(index)).collect()
    }

    fn fact(&self, outlet: OutletId) -> TractResult<TypedFact> {
        self.model.outlet_fact(outlet).cloned()
    }

    fn rank(&self, outlet: OutletId) -> TractResult<usize> {
        Ok(self.model.outlet_fact(outlet)?.rank())
    }

    fn dtype(&self, outlet: OutletId) -> TractResult<DatumType> {
        Ok(self.model.outlet_fact(outlet)?.datum_type)
    }

    /// The value of an input that has to be a constant, such as a shape or a list of axes.
    fn constant(&self, index: usize) -> TractResult<Arc<Tensor>> {
        self.input(index)?;
        self.known(index)?.with_context(|| format!("input {index} is not a constant"))
    }

    /// The value of an input, if there is one and it is a constant.
    fn known(&self, index: usize) -> TractResult<Option<Arc<Tensor>>> {
        self.optional(index).map_or(Ok(None), |outlet| self.folded(outlet, &mut FOLDED.clone()))
    }

    /// The value of what is computed from constants; `left` operators may be computed for it.
    fn folded(&self, outlet: OutletId, left: &mut usize) -> TractResult<Option<Arc<Tensor>>> {
        if let Some(value) = &self.model.outlet_fact(outlet)?.konst {
            return Ok(Some(Arc::clone(value)));
        }
        let node = self.model.node(outlet.node);
        if node.inputs.is_empty() || *left == 0 {
            return Ok(None);
        }
        *left -= 1;
        let mut inputs = tvec!();
        for input in &node.inputs {
            let Some(value) = self.folded(*input, left)? else { return Ok(None) };
            inputs.push(value.into_tvalue());
        }
        // What cannot be computed yet depends on sizes that are open.
        let outputs = node.op.eval_out_of_plan(inputs).ok().flatten().unwrap_or_default();
        Ok(outputs.into_iter().nth(outlet.slot).map(|value| value.into_tensor().into_arc_tensor()))
    }

    /// The constant that decides for a branch.
    pub(super) fn condition(&self) -> TractResult<bool> {
        let condition = self.known(0)?.context(
            "the condition depends on the inputs; compute it on the host with --compute host",
        )?;
        ensure!(condition.len() == 1, "a condition of {} elements", condition.len());
        Ok(condition.cast_to::<bool>()?.try_as_plain_ram()?.as_slice::<bool>()?[0])
    }

    /// The elements of a constant as f32.
    fn floats_of(&self, values: &Tensor) -> TractResult<Vec<f32>> {
        Ok(values.cast_to::<f32>()?.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
    }

    fn dims(&self, index: usize) -> TractResult<Vec<TDim>> {
        let constant = self.constant(index)?;
        if constant.datum_type() == i64::datum_type() {
            // Casting to TDim would turn the i64::MAX of an open slice into -1.
            let plain = constant.try_as_plain_ram()?;
            return Ok(plain.as_slice::<i64>()?.iter().map(|value| value.to_dim()).collect());
        }
        let dims = constant.cast_to::<TDim>()?;
        Ok(dims.try_as_plain_ram()?.as_slice::<TDim>()?.to_vec())
    }

    fn ints(&self, index: usize) -> TractResult<Vec<i64>> {
        self.dims(index)?.iter().map(|dim| Ok(dim.to_i64()?)).collect()
    }

    /// Axes given as an input (newer operator sets) or as an attribute (older ones).
    fn axes(&self, input: usize, rank: usize) -> TractResult<Option<TVec<usize>>> {
        let axes = match (self.optional(input), self.node.ints("axes")) {
            (Some(_), _) => self.ints(input)?,
            (None, Some(axes)) => axes.to_vec(),
            (None, None) => return Ok(None),
        };
        let mut axes: TVec<usize> =
            axes.iter().map(|axis| resolve_axis(*axis, rank)).collect::<TractResult<_>>()?;
        axes.sort_unstable();
        axes.dedup();
        Ok(Some(axes))
    }

    fn wire(
        &mut self,
        part: &str,
        op: impl Into<Box<dyn TypedOp>>,
        inputs: &[OutletId],
    ) -> TractResult<OutletId> {
        let outlets = self.wire_all(part, op, inputs)?;
        outlets.first().copied().context("operator without output")
    }

    /// All outputs of an operator.
    fn wire_all(
        &mut self,
        part: &str,
        op: impl Into<Box<dyn TypedOp>>,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let name = self.model.unique_name(format!("{}.{part}", self.name));
        self.model.wire_node(name, op.into(), inputs)
    }

    fn scalar(&mut self, part: &str, value: Tensor) -> TractResult<OutletId> {
        let name = self.model.unique_name(format!("{}.{part}", self.name));
        self.model.add_const(name, value)
    }

    fn float(&mut self, part: &str, value: f32) -> TractResult<OutletId> {
        self.scalar(part, tensor0(value))
    }

    fn cast(&mut self, outlet: OutletId, dtype: DatumType) -> TractResult<OutletId> {
        let name = self.name.clone();
        Ok(wire_cast(name, self.model, &[outlet], dtype)?[0])
    }

    /// A binary operator with ONNX's broadcasting and tract's common operating type.
    fn binary(
        &mut self,
        part: &str,
        op: Box<dyn BinMiniOp>,
        operands: [OutletId; 2],
    ) -> TractResult<OutletId> {
        let mut dtype =
            op.operating_datum_type(self.dtype(operands[0])?, self.dtype(operands[1])?)?;
        if dtype == TDim::datum_type() && self.has_a_variable(operands)? {
            // tract takes an open size that multiplies all elements for a number, and fails.
            dtype = i64::datum_type();
        }
        let name = self.name.clone();
        let operands = wire_rank_broadcast(&name, self.model, &operands)?;
        let operands = wire_cast(&name, self.model, &operands, dtype)?;
        self.wire(part, TypedBinOp(op, None), &operands)
    }

    /// Whether one of the operands is known only when the graph runs.
    fn has_a_variable(&self, operands: [OutletId; 2]) -> TractResult<bool> {
        let facts = [self.fact(operands[0])?, self.fact(operands[1])?];
        Ok(facts.iter().any(|fact| fact.konst.is_none()))
    }

    fn unary(&mut self, part: &str, op: ElementWiseOp, input: OutletId) -> TractResult<OutletId> {
        let dtype = op.0.operating_datum_type(self.dtype(input)?);
        let input = self.cast(input, dtype)?;
        self.wire(part, op, &[input])
    }
}
