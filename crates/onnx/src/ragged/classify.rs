//! Which values are rows, and which nodes are steps.

use tract_core::internal::*;
use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::konst::Const;
use tract_core::ops::math::Add;
use tract_core::ops::source::TypedSource;

use crate::operators::{Attend, Normalize, Product};

/// What becomes of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An input or a constant: nothing is computed.
    Given,
    /// The rows of its input under another shape.
    Alias,
    /// A step of a row stage.
    Step,
    Attend,
    Fragment,
}

/// Tells kinds of values and nodes in a graph with sequences of this length.
pub(super) struct Classify<'a> {
    pub(super) model: &'a TypedModel,
    pub(super) length: TDim,
}

impl Classify<'_> {
    pub(super) fn kind(&self, node: &TypedNode) -> Kind {
        let constant = node.outputs.iter().all(|output| output.fact.konst.is_some());
        if constant || node.op_is::<Const>() || node.op_is::<TypedSource>() {
            return Kind::Given;
        }
        let [output] = &node.outputs[..] else { return Kind::Fragment };
        let Some(width) = self.width_of(&output.fact) else { return Kind::Fragment };
        let widths = node.inputs.iter().map(|input| self.width(*input));
        let all_rows = widths.clone().all(|width| width.is_some());
        if node.op_is::<Attend>() {
            return if self.attends(node) { Kind::Attend } else { Kind::Fragment };
        }
        let mut same = widths.map(|found| found == Some(width));
        match () {
            () if node.op_is::<Product>() && all_rows => Kind::Step,
            () if (node.op_is::<Normalize>() || is_addition(node)) && same.all(|same| same) => {
                Kind::Step
            }
            () if is_change_of_batch(node) && same.all(|same| same) && self.is_of_step(node) => {
                Kind::Alias
            }
            () => Kind::Fragment,
        }
    }

    /// Whether operands are rows, and the mask, if there is one, is computed.
    fn attends(&self, node: &TypedNode) -> bool {
        let operands = if node.inputs.len() < 3 { 1 } else { 3 };
        let (operands, mask) = node.inputs.split_at(operands.min(node.inputs.len()));
        let computed = |outlet: &OutletId| {
            let given = is_given(self.model.node(outlet.node));
            !given && self.model.outlet_fact(*outlet).is_ok_and(|fact| fact.konst.is_none())
        };
        operands.iter().all(|operand| self.width(*operand).is_some()) && mask.iter().all(computed)
    }

    /// Whether the input of `node` comes out of a step or attention.
    fn is_of_step(&self, node: &TypedNode) -> bool {
        let producer = node.inputs.first().map(|input| self.model.node(input.node));
        // Not further back: a chain of them may be long.
        let producer = producer.filter(|producer| !is_change_of_batch(producer));
        let kind = producer.map(|producer| self.kind(producer));
        matches!(kind, Some(Kind::Step | Kind::Attend))
    }

    /// Columns of a value that is rows and is computed.
    pub(super) fn width(&self, outlet: OutletId) -> Option<usize> {
        if is_given(self.model.node(outlet.node)) {
            return None;
        }
        self.width_of(self.model.outlet_fact(outlet).ok()?)
    }

    fn width_of(&self, fact: &TypedFact) -> Option<usize> {
        let shape = fact.shape.to_tvec();
        let (tokens, width) = match &shape[..] {
            [one, tokens, width] if one.is_one() => (tokens, width),
            [tokens, width] => (tokens, width),
            _ => return None,
        };
        let rows = fact.datum_type == f32::datum_type() && *tokens == self.length;
        width.to_usize().ok().filter(|width| rows && fact.konst.is_none() && *width > 0)
    }
}

pub(super) fn is_given(node: &TypedNode) -> bool {
    node.op_is::<Const>() || node.op_is::<TypedSource>()
}

fn is_addition(node: &TypedNode) -> bool {
    node.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<Add>() && op.1.is_none())
}

/// The axis of the batch comes or goes.
fn is_change_of_batch(node: &TypedNode) -> bool {
    matches!(node.op_as::<AxisOp>(), Some(AxisOp::Add(0) | AxisOp::Rm(0)))
}
