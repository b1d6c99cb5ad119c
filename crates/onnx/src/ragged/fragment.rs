//! What is left to tract: a part of a graph, computed for one sequence.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use pilotlight_kernels::Weights;
use tract_core::internal::*;

use super::ValueId;
use super::classify::is_given;
use crate::operators::{Linear, Product};
use crate::plan::Plan;

/// The packed weights of products, by their nodes.
pub(super) type PackedByNode = HashMap<usize, Arc<Weights>>;

/// A part of a graph, computed for one sequence.
pub struct Fragment {
    /// What it reads.
    pub inputs: Vec<FragmentInput>,
    /// What it computes.
    pub outputs: Vec<ValueId>,
    plan: Plan,
    /// The shapes of the outputs, as they are to be for others.
    shapes: Vec<ShapeFact>,
}

/// What a [`Fragment`] reads.
#[derive(Debug, Clone, Copy)]
pub struct FragmentInput {
    /// The value.
    pub value: ValueId,
    /// Rows have no axis for the batch.
    flat: bool,
}

/// An operand of a [`Fragment`].
#[derive(Debug)]
pub enum Operand<'a> {
    /// The rows of the sequence, one after the other.
    Rows(&'a [f32]),
    /// A tensor.
    Loose(Arc<Tensor>),
}

impl fmt::Debug for Fragment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = self.plan.model().nodes.iter().map(|node| node.op.name());
        f.debug_struct("Fragment")
            .field("inputs", &self.inputs)
            .field("outputs", &self.outputs)
            .field("nodes", &nodes.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Fragment {
    /// Computes the outputs for a sequence of so many tokens.
    ///
    /// # Errors
    /// What tract said.
    pub fn run(
        &self,
        tokens: usize,
        operands: &mut dyn Iterator<Item = Operand<'_>>,
    ) -> Result<Vec<Arc<Tensor>>, String> {
        let outputs = self.try_run(tokens, operands);
        outputs.map_err(|error| format!("{error:#}"))
    }

    fn try_run(
        &self,
        tokens: usize,
        operands: &mut dyn Iterator<Item = Operand<'_>>,
    ) -> TractResult<Vec<Arc<Tensor>>> {
        let inputs = operands.zip(&self.inputs).map(|(operand, input)| match operand {
            Operand::Rows(values) => {
                let shape = [1, tokens, values.len() / tokens.max(1)];
                let shape = if input.flat { &shape[1..] } else { &shape[..] };
                Ok(Tensor::from_shape(shape, values)?.into_tvalue())
            }
            Operand::Loose(tensor) => Ok(tensor.into_tvalue()),
        });
        let inputs = inputs.collect::<TractResult<TVec<TValue>>>()?;
        let outputs = self.plan.run(inputs)?.into_iter().zip(&self.shapes);
        outputs.map(|(output, shape)| whole(output, shape, tokens)).collect()
    }
}

/// A value in its whole shape. Some operators leave axes out along which all is the same, as those who read
/// it in the same graph do not mind.
fn whole(value: TValue, shape: &ShapeFact, tokens: usize) -> TractResult<Arc<Tensor>> {
    let symbols = shape.iter().flat_map(|dim| dim.symbols()).collect::<Vec<_>>();
    let set = |values: SymbolValues, symbol: &Symbol| values.with(symbol, tokens as i64);
    let symbols = symbols.iter().fold(SymbolValues::default(), set);
    let shape = shape.eval_to_usize(&symbols)?;
    if value.shape() == &shape[..] {
        return Ok(value.into_arc_tensor());
    }
    Ok(value.broadcast_to_shape(&shape)?.into_arc_tensor())
}

/// A part of a graph that is being taken out of it.
pub(super) struct Draft<'a> {
    whole: &'a TypedModel,
    part: TypedModel,
    /// The packed weights of products, by their nodes.
    packed: &'a PackedByNode,
    /// Where values of the whole are in the part.
    places: HashMap<OutletId, OutletId>,
    /// What the sources of the part are in the whole.
    sources: Vec<OutletId>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(whole: &'a TypedModel, packed: &'a PackedByNode) -> Self {
        let part = TypedModel { symbols: whole.symbols.clone(), ..TypedModel::default() };
        Self { whole, part, packed, places: HashMap::new(), sources: vec![] }
    }

    pub(super) fn add(&mut self, node: &TypedNode) -> TractResult<()> {
        let inputs = node.inputs.iter().map(|input| self.place(*input));
        let inputs = inputs.collect::<TractResult<TVec<_>>>()?;
        let mut op = node.op.clone();
        if let Some(product) = node.op_as::<Product>() {
            let weights = self.packed.get(&node.id).context("weights are not packed")?;
            op = Box::new(Linear::new(product, Arc::clone(weights)));
        }
        let outputs = self.part.wire_node(&node.name, op, &inputs)?;
        for (slot, output) in outputs.into_iter().enumerate() {
            self.places.insert(OutletId::new(node.id, slot), output);
        }
        Ok(())
    }

    /// A value in the part, which becomes a source or a constant if it is computed elsewhere.
    fn place(&mut self, outlet: OutletId) -> TractResult<OutletId> {
        if let Some(place) = self.places.get(&outlet) {
            return Ok(*place);
        }
        let node = self.whole.node(outlet.node);
        let fact = self.whole.outlet_fact(outlet)?;
        let name = format!("{}.{}", node.name, outlet.slot);
        let place = match &fact.konst {
            Some(value) => self.part.add_const(name, Arc::clone(value))?,
            None if is_given(node)
                && node.inputs.is_empty()
                && !self.whole.inputs.contains(&outlet) =>
            {
                self.part.wire_node(name, node.op.clone(), &[])?[0]
            }
            None => {
                self.sources.push(outlet);
                self.part.add_source(name, fact.without_value())?
            }
        };
        self.places.insert(outlet, place);
        Ok(place)
    }

    /// Ends the part; `values` are the numbers of what it shares with others. `length` tells how long a sequence is.
    pub(super) fn finish(
        mut self,
        outputs: &[OutletId],
        values: impl Fn(OutletId) -> Option<ValueId>,
        length: (&TDim, OutletId),
    ) -> TractResult<Fragment> {
        self.tell_length(length)?;
        let places = outputs.iter().map(|outlet| self.place(*outlet));
        let places = places.collect::<TractResult<Vec<_>>>()?;
        self.part.select_output_outlets(&places)?;
        let numbered = |outlet: &OutletId| values(*outlet).context("a value without a number");
        let inputs = self.sources.iter().map(|source| {
            let flat = self.whole.outlet_fact(*source)?.rank() == 2;
            Ok(FragmentInput { value: numbered(source)?, flat })
        });
        let inputs = inputs.collect::<TractResult<_>>()?;
        let shapes = outputs.iter().map(|o| Ok(self.whole.outlet_fact(*o)?.shape.clone()));
        let shapes = shapes.collect::<TractResult<_>>()?;
        let outputs = outputs.iter().map(numbered).collect::<TractResult<_>>()?;
        self.part.declutter()?;
        self.part.optimize()?;
        Ok(Fragment { inputs, outputs, plan: Plan::new(self.part)?, shapes })
    }

    /// Adds a source that tells how long the sequence is, if none does.
    fn tell_length(&mut self, (length, source): (&TDim, OutletId)) -> TractResult<()> {
        let tells = |outlet: &OutletId| {
            let fact = self.whole.outlet_fact(*outlet);
            fact.is_ok_and(|fact| fact.shape.iter().any(|dim| dim == length))
        };
        if length.symbols().is_empty() || self.sources.iter().any(tells) {
            return Ok(());
        }
        self.place(source).map(drop)
    }
}
