use std::collections::{BTreeMap, BTreeSet};

use crate::error::OnnxError;
use crate::inspect::{Part, visit_graph};
use crate::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

/// A graph whose nodes are being replaced.
pub(super) struct Edit<'a> {
    graph: &'a mut GraphProto,
    /// Where initializers are that no input can replace.
    constants: BTreeMap<String, usize>,
    /// All that are taken.
    names: BTreeSet<String>,
}

impl<'a> Edit<'a> {
    pub(super) fn new(model: &'a mut ModelProto) -> Result<Self, OnnxError> {
        let graph = model.graph.as_mut();
        let graph = graph.ok_or_else(|| OnnxError::Graph("the file holds no graph".into()))?;
        let names = names(graph);
        let inputs: BTreeSet<&str> = graph.input.iter().map(|input| &input.name[..]).collect();
        let constants = graph.initializer.iter().enumerate();
        let constants = constants.filter(|(_, tensor)| !inputs.contains(&tensor.name[..]));
        let constants = constants.map(|(index, tensor)| (tensor.name.clone(), index)).collect();
        Ok(Self { graph, constants, names })
    }

    pub(super) fn graph(&self) -> &GraphProto {
        self.graph
    }

    pub(super) fn nodes(&self) -> &[NodeProto] {
        &self.graph.node
    }

    /// The nodes, to be pushed again in the same order.
    pub(super) fn take_nodes(&mut self) -> Vec<NodeProto> {
        std::mem::take(&mut self.graph.node)
    }

    pub(super) fn push(&mut self, node: NodeProto) {
        self.graph.node.push(node);
    }

    /// Pushes a node of ONNX's own operator set, named after its output.
    pub(super) fn push_new(&mut self, op_type: &str, inputs: &[&str], [output]: &[&str; 1]) {
        self.push_with(op_type, inputs, output, Vec::new());
    }

    /// Pushes a node with attributes.
    pub(super) fn push_with(
        &mut self,
        op_type: &str,
        inputs: &[&str],
        output: &str,
        attribute: Vec<AttributeProto>,
    ) {
        self.push(NodeProto {
            op_type: op_type.into(),
            name: output.into(),
            input: inputs.iter().copied().map(String::from).collect(),
            output: vec![output.into()],
            attribute,
            ..NodeProto::default()
        });
    }

    /// The initializer called `name`, unless an input can replace it.
    pub(super) fn constant(&self, name: &str) -> Option<&TensorProto> {
        self.graph.initializer.get(*self.constants.get(name)?)
    }

    /// Adds an initializer; its name has to be a fresh one.
    pub(super) fn add_constant(&mut self, tensor: TensorProto) {
        self.constants.insert(tensor.name.clone(), self.graph.initializer.len());
        self.graph.initializer.push(tensor);
    }

    /// A name that nothing in the model has.
    pub(super) fn fresh(&mut self, base: &str, suffix: &str) -> String {
        let mut name = format!("{base}_{suffix}");
        let mut number = 0;
        while !self.names.insert(name.clone()) {
            number += 1;
            name = format!("{base}_{suffix}_{number}");
        }
        name
    }

    /// Drops constants that nothing uses any more.
    pub(super) fn finish(self) {
        let mut used = BTreeSet::new();
        visit_graph(self.graph, &mut |part| match part {
            Part::Node(node) => used.extend(node.input.iter().cloned()),
            Part::Graph(graph) => used.extend(graph.output.iter().map(|v| v.name.clone())),
            Part::Tensor(_) => {}
        });
        let constants = self.constants;
        let keep = |tensor: &TensorProto| {
            used.contains(&tensor.name) || !constants.contains_key(&tensor.name)
        };
        self.graph.initializer.retain(keep);
    }
}

/// Names of values in a graph and its subgraphs.
fn names(graph: &GraphProto) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    visit_graph(graph, &mut |part| match part {
        Part::Node(node) => {
            names.extend(node.input.iter().chain(&node.output).chain([&node.name]).cloned());
        }
        Part::Graph(graph) => {
            let values = graph.input.iter().chain(&graph.output).chain(&graph.value_info);
            names.extend(values.map(|value| value.name.clone()));
        }
        Part::Tensor(tensor) => {
            names.insert(tensor.name.clone());
        }
    });
    names
}
