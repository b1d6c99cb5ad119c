use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;
use tract_core::internal::*;

use super::OnnxError;
use super::lower::{Wiring, lowering};
use super::proto::{GraphProto, ModelProto, NodeProto};
use super::shape::check_volume;

/// Inputs of a BERT-family encoder, all i64 `[1, S]`.
const KNOWN_INPUTS: [&str; 3] = ["input_ids", "attention_mask", "token_type_ids"];

/// A checked graph, not yet optimised.
pub struct Graph {
    /// One source `[1, S]` of i64 for each of `inputs`, one output.
    pub model: TypedModel,
    /// Names of the sources, in order.
    pub inputs: Vec<String>,
    /// Rows of the table that `input_ids` looks up, where that could be told.
    pub vocabulary: Option<usize>,
}

/// Parses an ONNX file and lowers its graph.
///
/// # Errors
/// [`OnnxError`] naming the node or tensor, for anything malformed, unknown or absurd.
pub fn parse(file: Bytes) -> Result<Graph, OnnxError> {
    let model = ModelProto::decode(file)?;
    if let Some(function) = model.functions.first() {
        return Err(OnnxError::Graph(format!("model-local function {} is refused", function.name)));
    }
    let opset = model.opset_import.iter().find(|set| is_onnx(&set.domain));
    let opset = opset.map_or(1, |set| set.version);
    let graph = model.graph.ok_or_else(|| OnnxError::Graph("the file holds no graph".into()))?;
    if !graph.sparse_initializer.is_empty() {
        return Err(OnnxError::Graph("sparse initializers are not supported".into()));
    }
    Lowering::new(opset).lower(graph)
}

pub(super) fn is_onnx(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

struct Lowering {
    model: TypedModel,
    values: BTreeMap<String, OutletId>,
    inputs: Vec<String>,
    opset: i64,
}

impl Lowering {
    fn new(opset: i64) -> Self {
        Self { model: TypedModel::default(), values: BTreeMap::new(), inputs: vec![], opset }
    }

    fn lower(mut self, graph: GraphProto) -> Result<Graph, OnnxError> {
        let constants = graph.initializer.iter().map(|tensor| &tensor.name[..]).collect();
        self.add_inputs(&graph, constants)?;
        for initializer in graph.initializer {
            let tensor = initializer.to_tensor()?;
            let name = initializer.name;
            let outlet = self.model.add_const(&name[..], tensor).map_err(|error| {
                OnnxError::Tensor { name: name.clone(), reason: format!("{error:#}") }
            })?;
            self.define(name, outlet)?;
        }
        for node in &graph.node {
            self.add_node(node)?;
        }
        let output = match &graph.output[..] {
            [] => return Err(OnnxError::Graph("the graph has no output".into())),
            outputs => outputs.iter().find(|value| value.name == "logits").unwrap_or(&outputs[0]),
        };
        let outlet = self.value(&output.name)?;
        let graph_error = |error: TractError| OnnxError::Graph(format!("{error:#}"));
        self.model.select_output_outlets(&[outlet]).map_err(graph_error)?;
        let vocabulary = self.vocabulary();
        Ok(Graph { vocabulary, model: self.model, inputs: self.inputs })
    }

    fn add_inputs(&mut self, graph: &GraphProto, constants: Vec<&str>) -> Result<(), OnnxError> {
        let length = self.model.symbols.sym("S");
        for input in &graph.input {
            if constants.contains(&&input.name[..]) {
                continue;
            }
            if !KNOWN_INPUTS.contains(&&input.name[..]) {
                let known = KNOWN_INPUTS.join(", ");
                let message = format!("input {} is none of {known}", input.name);
                return Err(OnnxError::Graph(message));
            }
            let fact = i64::fact(&[1.to_dim(), length.to_dim()]);
            let outlet = self.model.add_source(&input.name[..], fact);
            let outlet = outlet.map_err(|error| OnnxError::Graph(format!("{error:#}")))?;
            self.define(input.name.clone(), outlet)?;
            self.inputs.push(input.name.clone());
        }
        if !self.inputs.iter().any(|name| name == KNOWN_INPUTS[0]) {
            return Err(OnnxError::Graph("the graph has no input named input_ids".into()));
        }
        Ok(())
    }

    fn add_node(&mut self, node: &NodeProto) -> Result<(), OnnxError> {
        let label = if node.name.is_empty() {
            node.output.first().cloned().unwrap_or_default()
        } else {
            node.name.clone()
        };
        let Some(lower) = lowering(node) else {
            let separator = if is_onnx(&node.domain) { "" } else { "." };
            let domain = if is_onnx(&node.domain) { "" } else { &node.domain[..] };
            let operator = format!("{domain}{separator}{}", node.op_type);
            return Err(OnnxError::Operator { node: label, operator });
        };
        let refuse = |error: TractError| OnnxError::Node {
            node: label.clone(),
            operator: node.op_type.clone(),
            reason: format!("{error:#}"),
        };
        let mut inputs = Vec::with_capacity(node.input.len());
        for name in &node.input {
            inputs.push(if name.is_empty() { None } else { Some(self.value(name)?) });
        }
        let name = self.model.unique_name(&label[..]).into_owned();
        let mut wiring = Wiring { model: &mut self.model, node, inputs, name, opset: self.opset };
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

    fn value(&self, name: &str) -> Result<OutletId, OnnxError> {
        let outlet = self.values.get(name).copied();
        outlet.ok_or_else(|| OnnxError::Graph(format!("value {name} is used but never defined")))
    }

    /// The rows of the constant that the first gather of `input_ids` reads.
    fn vocabulary(&self) -> Option<usize> {
        let ids = self.values.get(KNOWN_INPUTS[0])?;
        let gather = self.model.nodes().iter().find(|node| {
            node.inputs.get(1) == Some(ids) && node.op_is::<tract_core::ops::array::Gather>()
        })?;
        let table = self.model.outlet_fact(*gather.inputs.first()?).ok()?;
        table.shape.to_tvec().first()?.to_usize().ok()
    }
}
