//! One function for each operator: from an ONNX node to tract operators.

mod array;
mod integer;
mod linear;
mod math;
mod normalise;
mod slice;

use tract_core::internal::*;
use tract_core::ops::binary::{BinMiniOp, TypedBinOp};
use tract_core::ops::cast::wire_cast;
use tract_core::ops::change_axes::wire_rank_broadcast;
use tract_core::ops::element_wise::ElementWiseOp;

use crate::proto::NodeProto;
use crate::proto::is_onnx;
use crate::shape::resolve_axis;

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
            .or_else(|| normalise::lowering(operator))
    } else if node.domain == "com.microsoft" {
        linear::contrib_lowering(operator)
            .or_else(|| integer::contrib_lowering(operator))
            .or_else(|| normalise::contrib_lowering(operator))
            .or_else(|| math::contrib_lowering(operator))
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
    /// Block-quantised weights stay so, for [`crate::fuse`] to find.
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
        let fact = self.model.outlet_fact(self.input(index)?)?;
        fact.konst.clone().with_context(|| format!("input {index} is not a constant"))
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
        let name = self.model.unique_name(format!("{}.{part}", self.name));
        let outlets = self.model.wire_node(name, op.into(), inputs)?;
        outlets.first().copied().context("operator without output")
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
        let dtype = op.operating_datum_type(self.dtype(operands[0])?, self.dtype(operands[1])?)?;
        let name = self.name.clone();
        let operands = wire_rank_broadcast(&name, self.model, &operands)?;
        let operands = wire_cast(&name, self.model, &operands, dtype)?;
        self.wire(part, TypedBinOp(op, None), &operands)
    }

    fn unary(&mut self, part: &str, op: ElementWiseOp, input: OutletId) -> TractResult<OutletId> {
        let dtype = op.0.operating_datum_type(self.dtype(input)?);
        let input = self.cast(input, dtype)?;
        self.wire(part, op, &[input])
    }
}
