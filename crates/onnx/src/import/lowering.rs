use std::collections::{BTreeMap, BTreeSet};

use tract_core::internal::*;

use super::lower::{Wiring, lowering};
use crate::error::OnnxError;
use crate::proto::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use crate::shape::check_volume;

/// A graph whose nodes have been lowered and whose outputs have not been chosen.
pub(super) struct Lowered {
    pub(super) model: TypedModel,
    /// Declared inputs in the order of the sources.
    pub(super) inputs: Vec<ValueInfoProto>,
    /// Declared outputs.
    pub(super) outputs: Vec<ValueInfoProto>,
    values: BTreeMap<String, OutletId>,
    keep_blocks: bool,
}

/// Says what an input is, in a scope of symbols.
pub(super) type SourceFact = fn(&ValueInfoProto, &SymbolScope) -> Result<TypedFact, OnnxError>;

/// Lowers the graph of `model`; `source_fact` is asked for each of its inputs. With `keep_blocks`
/// block-quantised weights stay so, for [`crate::fuse`] to find.
pub(super) fn lower(
    model: ModelProto,
    source_fact: SourceFact,
    keep_blocks: bool,
) -> Result<Lowered, OnnxError> {
    if let Some(function) = model.functions.first() {
        return Err(OnnxError::Graph(format!("model-local function {} is refused", function.name)));
    }
    let opset = model.opset();
    let graph = model.graph.ok_or_else(|| OnnxError::Graph("the file holds no graph".into()))?;
    if !graph.sparse_initializer.is_empty() {
        return Err(OnnxError::Graph("sparse initializers are not supported".into()));
    }
    let mut lowered = Lowered {
        model: TypedModel::default(),
        inputs: vec![],
        outputs: graph.output.clone(),
        values: BTreeMap::new(),
        keep_blocks,
    };
    lowered.add_inputs(&graph, source_fact)?;
    graph.initializer.into_iter().try_for_each(|tensor| lowered.add_constant(tensor))?;
    graph.node.iter().try_for_each(|node| lowered.add_node(node, opset))?;
    if lowered.outputs.is_empty() {
        return Err(OnnxError::Graph("the graph has no output".into()));
    }
    Ok(lowered)
}

pub(super) fn graph_error(error: TractError) -> OnnxError {
    OnnxError::Graph(format!("{error:#}"))
}

impl Lowered {
    fn add_inputs(&mut self, graph: &GraphProto, source_fact: SourceFact) -> Result<(), OnnxError> {
        // Before IR 4 constants were listed as inputs, too.
        let constants: BTreeSet<&str> = graph.initializer.iter().map(|t| &t.name[..]).collect();
        for input in graph.input.iter().filter(|input| !constants.contains(&input.name[..])) {
            let fact = source_fact(input, &self.model.symbols)?;
            let outlet = self.model.add_source(&input.name[..], fact).map_err(graph_error)?;
            self.define(input.name.clone(), outlet)?;
            self.inputs.push(input.clone());
        }
        Ok(())
    }

    fn add_constant(&mut self, initializer: TensorProto) -> Result<(), OnnxError> {
        let tensor = initializer.to_tensor()?;
        let name = initializer.name;
        let outlet = self.model.add_const(&name[..], tensor).map_err(|error| {
            OnnxError::Tensor { name: name.clone(), reason: format!("{error:#}") }
        })?;
        self.define(name, outlet)
    }

    fn add_node(&mut self, node: &NodeProto, opset: i64) -> Result<(), OnnxError> {
        let label = node.label();
        let Some(lower) = lowering(node) else {
            return Err(OnnxError::Operator { node: label.into(), operator: node.operator() });
        };
        let refuse = |error: TractError| node.refuse(format!("{error:#}"));
        let mut inputs = Vec::with_capacity(node.input.len());
        for name in &node.input {
            inputs.push(if name.is_empty() { None } else { Some(self.value(name)?) });
        }
        let name = self.model.unique_name(label).into_owned();
        let keep_blocks = self.keep_blocks;
        let mut wiring = Wiring { model: &mut self.model, node, inputs, name, opset, keep_blocks };
        let outlets = lower(&mut wiring).map_err(refuse)?;
        for (name, outlet) in node.output.iter().zip(outlets.iter()) {
            let fact = self.model.outlet_fact(*outlet).map_err(refuse)?;
            check_volume(&fact.shape.to_tvec(), fact.datum_type).map_err(refuse)?;
            if !name.is_empty() {
                self.define(name.clone(), *outlet)?;
            }
        }
        Ok(())
    }

    fn define(&mut self, name: String, outlet: OutletId) -> Result<(), OnnxError> {
        match self.values.insert(name, outlet) {
            None => Ok(()),
            Some(_) => Err(OnnxError::Graph("a value is defined twice".into())),
        }
    }

    pub(super) fn value(&self, name: &str) -> Result<OutletId, OnnxError> {
        let outlet = self.values.get(name).copied();
        outlet.ok_or_else(|| OnnxError::Graph(format!("value {name} is used but never defined")))
    }
}
