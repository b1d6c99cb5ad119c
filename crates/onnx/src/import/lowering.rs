use std::collections::{BTreeMap, BTreeSet};

use tract_core::internal::*;

use super::lower::{Wiring, lowering};
use crate::error::OnnxError;
use crate::inspect::{Part, visit_graph};
use crate::proto::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, is_onnx};
use crate::shape::check_volume;

/// A graph whose nodes have been lowered and whose outputs have not been chosen.
pub(super) struct Lowered {
    pub(super) model: TypedModel,
    /// Declared inputs in the order of the sources.
    pub(super) inputs: Vec<ValueInfoProto>,
    /// Declared outputs.
    pub(super) outputs: Vec<ValueInfoProto>,
    values: BTreeMap<String, OutletId>,
    /// Names in the order in which they were defined, and what they had named outside the subgraph.
    defined: Vec<(String, Option<OutletId>)>,
    /// Where in `defined` the names of the subgraph begin.
    scope: usize,
    opset: i64,
    keep_blocks: bool,
}

/// Nodes of a graph and its subgraphs; tract takes quadratic time for them.
const MOST_NODES: usize = 20_000;
/// Operators that all of them become.
const MOST_OPERATORS: usize = 2 * MOST_NODES;
/// Subgraphs within subgraphs.
const DEEPEST: usize = 16;

/// Says what an input is, in a scope of symbols.
pub(super) type SourceFact = fn(&ValueInfoProto, &SymbolScope) -> Result<TypedFact, OnnxError>;

/// Lowers the graph of `model`; `source_fact` is asked for each of its inputs. With `keep_blocks`
/// block-quantized weights stay so, for [`crate::fuse`] to find.
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
    let mut nodes = 0;
    visit_graph(&graph, &mut |part| nodes += usize::from(matches!(part, Part::Node(_))));
    if nodes > MOST_NODES {
        let reason = format!("the graph has {nodes} nodes; {MOST_NODES} are the most");
        return Err(OnnxError::Graph(reason));
    }
    let mut lowered = Lowered {
        model: TypedModel::default(),
        inputs: vec![],
        outputs: graph.output.clone(),
        values: BTreeMap::new(),
        defined: Vec::new(),
        scope: 0,
        opset,
        keep_blocks,
    };
    lowered.add_inputs(&graph, source_fact)?;
    graph.initializer.into_iter().try_for_each(|tensor| lowered.add_constant(tensor))?;
    lowered.add_nodes(&graph.node, 0)?;
    if lowered.outputs.is_empty() {
        return Err(OnnxError::Graph("the graph has no output".into()));
    }
    Ok(lowered)
}

/// Whether the operator of a node can be lowered; its inputs and attributes may still not fit.
pub fn is_lowered(node: &NodeProto) -> bool {
    is_branch(node) || lowering(node).is_some()
}

fn is_branch(node: &NodeProto) -> bool {
    node.op_type == "If" && is_onnx(&node.domain)
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
        let unique = self.model.unique_name(&name[..]).into_owned();
        let outlet = self.model.add_const(unique, tensor).map_err(|error| OnnxError::Tensor {
            name: name.clone(),
            reason: format!("{error:#}"),
        })?;
        self.define(name, outlet)
    }

    fn add_nodes(&mut self, nodes: &[NodeProto], depth: usize) -> Result<(), OnnxError> {
        for node in nodes {
            if self.model.nodes.len() > MOST_OPERATORS {
                let reason = format!("its nodes become more than {MOST_OPERATORS} operators");
                return Err(OnnxError::Graph(reason));
            }
            if is_branch(node) {
                self.add_branch(node, depth)?;
                continue;
            }
            self.add_node(node).map_err(|error| self.out_of_order(error, node, nodes))?;
        }
        Ok(())
    }

    /// Tells where a value that is not there yet comes from.
    fn out_of_order(&self, error: OnnxError, node: &NodeProto, nodes: &[NodeProto]) -> OnnxError {
        let missing = |name: &&String| !name.is_empty() && !self.values.contains_key(*name);
        let Some(name) = node.input.iter().find(missing) else { return error };
        if nodes.iter().any(|other| other.output.contains(name)) {
            return OnnxError::Graph(format!(
                "node {} uses value {name} before it is computed: the graph has a cycle, or its \
                 nodes are not in order",
                node.label()
            ));
        }
        error
    }

    /// Adds the nodes of the branch that the condition, a constant, decides for.
    fn add_branch(&mut self, node: &NodeProto, depth: usize) -> Result<(), OnnxError> {
        if depth >= DEEPEST {
            return Err(node.refuse(format!("subgraphs are more than {DEEPEST} deep")));
        }
        let condition = node.input.first().ok_or_else(|| node.refuse("it has no condition"))?;
        let condition = self.value(condition)?;
        let inputs = vec![Some(condition)];
        let name = node.label().to_owned();
        let (opset, keep_blocks) = (self.opset, self.keep_blocks);
        let wiring = Wiring { model: &mut self.model, node, inputs, name, opset, keep_blocks };
        let holds = wiring.condition().map_err(|error| node.refuse(format!("{error:#}")))?;
        let branch = node.graph(if holds { "then_branch" } else { "else_branch" });
        let branch = branch.ok_or_else(|| node.refuse("a branch is missing"))?;
        if branch.output.len() < node.output.len() || !branch.sparse_initializer.is_empty() {
            return Err(node.refuse("its branch does not fit"));
        }
        let outer = std::mem::replace(&mut self.scope, self.defined.len());
        branch.initializer.iter().cloned().try_for_each(|tensor| self.add_constant(tensor))?;
        self.add_nodes(&branch.node, depth + 1)?;
        let outlets = branch.output.iter().map(|output| self.value(&output.name));
        let outlets = outlets.collect::<Result<Vec<_>, _>>()?;
        // Names of a subgraph are its own.
        for (name, shadowed) in self.defined.split_off(self.scope) {
            match shadowed {
                Some(outlet) => self.values.insert(name, outlet),
                None => self.values.remove(&name),
            };
        }
        self.scope = outer;
        let names = node.output.iter().zip(outlets).filter(|(name, _)| !name.is_empty());
        names.into_iter().try_for_each(|(name, outlet)| self.define(name.clone(), outlet))
    }

    fn add_node(&mut self, node: &NodeProto) -> Result<(), OnnxError> {
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
        let (opset, keep_blocks) = (self.opset, self.keep_blocks);
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
        let shadowed = self.values.insert(name.clone(), outlet);
        if shadowed.is_some() && self.defined[self.scope..].iter().any(|(other, _)| *other == name)
        {
            return Err(OnnxError::Graph(format!("value {name} is defined twice")));
        }
        self.defined.push((name, shadowed));
        Ok(())
    }

    pub(super) fn value(&self, name: &str) -> Result<OutletId, OnnxError> {
        let outlet = self.values.get(name).copied();
        outlet.ok_or_else(|| OnnxError::Graph(format!("value {name} is used but never defined")))
    }
}
