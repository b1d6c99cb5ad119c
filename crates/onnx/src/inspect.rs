//! Looks into every corner of a model: subgraphs, attributes and functions included.

use std::collections::BTreeSet;

use crate::error::OnnxError;
use crate::proto::TensorProto;
use crate::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, SparseTensorProto};

const EXTERNAL: i32 = 1;

/// Operators of ONNX Runtime and of ONNX that take one scale for a whole tensor while computing.
const ONE_SCALE: [&str; 3] =
    ["DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM"];

/// Something that a model is made of.
pub(crate) enum Part<'a> {
    Graph(&'a GraphProto),
    Node(&'a NodeProto),
    Tensor(&'a TensorProto),
}

/// Whether a row's result depends on the other rows of its batch: activations are quantized with
/// one scale for all of them.
pub fn depends_on_batch(model: &ModelProto) -> bool {
    ONE_SCALE.iter().any(|operator| contains_operator(model, operator))
}

/// Whether a node anywhere in the model is this operator, of whatever domain.
pub fn contains_operator(model: &ModelProto, operator: &str) -> bool {
    let mut found = false;
    visit(model, &mut |part| {
        found |= matches!(part, Part::Node(node) if node.op_type == operator);
    });
    found
}

/// Refuses tensors that keep their data in another file.
pub(crate) fn refuse_external_data(model: &ModelProto) -> Result<(), OnnxError> {
    let mut found = None;
    visit(model, &mut |part| {
        if let Part::Tensor(tensor) = part
            && (tensor.data_location == EXTERNAL || !tensor.external_data.is_empty())
        {
            found.get_or_insert_with(|| tensor.name.clone());
        }
    });
    found.map_or(Ok(()), |name| Err(OnnxError::ExternalData(name)))
}

fn visit<'a>(model: &'a ModelProto, see: &mut dyn FnMut(Part<'a>)) {
    for function in &model.functions {
        function.node.iter().for_each(|node| visit_node(node, see));
        function.attribute_proto.iter().for_each(|attribute| visit_attribute(attribute, see));
    }
    model.graph.iter().for_each(|graph| visit_graph(graph, see));
}

/// Shows a graph to `see`, and what is in it, subgraphs included.
pub(crate) fn visit_graph<'a>(graph: &'a GraphProto, see: &mut dyn FnMut(Part<'a>)) {
    see(Part::Graph(graph));
    graph.initializer.iter().for_each(|tensor| see(Part::Tensor(tensor)));
    graph.sparse_initializer.iter().for_each(|tensor| visit_sparse(tensor, see));
    graph.node.iter().for_each(|node| visit_node(node, see));
}

/// Names of values and nodes in a graph and its subgraphs.
pub(crate) fn names(graph: &GraphProto) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    visit_graph(graph, &mut |part| match part {
        Part::Node(node) => {
            names.extend(node.input.iter().chain(&node.output).chain([&node.name]).cloned());
        }
        Part::Graph(graph) => {
            let values = graph.input.iter().chain(&graph.output);
            names.extend(values.map(|value| value.name.clone()));
        }
        Part::Tensor(tensor) => {
            names.insert(tensor.name.clone());
        }
    });
    names
}

/// `base`, with a number behind it if it is among `names`.
pub(crate) fn unused(names: &BTreeSet<String>, base: &str) -> String {
    let numbered = (1..).map(|number| format!("{base}_{number}"));
    let mut candidates = std::iter::once(base.to_owned()).chain(numbered);
    candidates.find(|name| !names.contains(name)).unwrap_or_default()
}

fn visit_node<'a>(node: &'a NodeProto, see: &mut dyn FnMut(Part<'a>)) {
    see(Part::Node(node));
    node.attribute.iter().for_each(|attribute| visit_attribute(attribute, see));
}

fn visit_attribute<'a>(attribute: &'a AttributeProto, see: &mut dyn FnMut(Part<'a>)) {
    attribute.t.iter().chain(&attribute.tensors).for_each(|tensor| see(Part::Tensor(tensor)));
    let sparse = attribute.sparse_tensor.iter().chain(&attribute.sparse_tensors);
    sparse.for_each(|tensor| visit_sparse(tensor, see));
    attribute.g.iter().chain(&attribute.graphs).for_each(|graph| visit_graph(graph, see));
}

fn visit_sparse<'a>(tensor: &'a SparseTensorProto, see: &mut dyn FnMut(Part<'a>)) {
    let parts = tensor.values.iter().chain(&tensor.indices);
    parts.for_each(|tensor| see(Part::Tensor(tensor)));
}

/// Shows every tensor of a model to `see`.
pub(crate) fn visit_tensors_mut<'a>(
    model: &'a mut ModelProto,
    see: &mut dyn FnMut(&'a mut TensorProto),
) {
    for function in &mut model.functions {
        function.node.iter_mut().for_each(|node| node_tensors_mut(node, see));
        let attributes = function.attribute_proto.iter_mut();
        attributes.for_each(|attribute| attribute_tensors_mut(attribute, see));
    }
    model.graph.iter_mut().for_each(|graph| graph_tensors_mut(graph, see));
}

fn graph_tensors_mut<'a>(graph: &'a mut GraphProto, see: &mut dyn FnMut(&'a mut TensorProto)) {
    graph.initializer.iter_mut().for_each(&mut *see);
    graph.sparse_initializer.iter_mut().for_each(|tensor| sparse_tensors_mut(tensor, see));
    graph.node.iter_mut().for_each(|node| node_tensors_mut(node, see));
}

fn node_tensors_mut<'a>(node: &'a mut NodeProto, see: &mut dyn FnMut(&'a mut TensorProto)) {
    node.attribute.iter_mut().for_each(|attribute| attribute_tensors_mut(attribute, see));
}

fn attribute_tensors_mut<'a>(
    attribute: &'a mut AttributeProto,
    see: &mut dyn FnMut(&'a mut TensorProto),
) {
    attribute.t.iter_mut().chain(&mut attribute.tensors).for_each(&mut *see);
    let sparse = attribute.sparse_tensor.iter_mut().chain(&mut attribute.sparse_tensors);
    sparse.for_each(|tensor| sparse_tensors_mut(tensor, see));
    let graphs = attribute.g.iter_mut().chain(&mut attribute.graphs);
    graphs.for_each(|graph| graph_tensors_mut(graph, see));
}

fn sparse_tensors_mut<'a>(
    tensor: &'a mut SparseTensorProto,
    see: &mut dyn FnMut(&'a mut TensorProto),
) {
    tensor.values.iter_mut().chain(&mut tensor.indices).for_each(see);
}

/// Shows every graph of a model to `see`: subgraphs of its nodes, then the graph itself.
pub(crate) fn visit_graphs_mut(model: &mut ModelProto, see: &mut dyn FnMut(&mut GraphProto)) {
    for function in &mut model.functions {
        visit_subgraphs_mut(&mut function.node, see);
    }
    if let Some(graph) = &mut model.graph {
        visit_subgraphs_mut(&mut graph.node, see);
        see(graph);
    }
}

/// Shows the graphs in `nodes` to `see`, innermost first.
pub(crate) fn visit_subgraphs_mut(nodes: &mut [NodeProto], see: &mut dyn FnMut(&mut GraphProto)) {
    for attribute in nodes.iter_mut().flat_map(|node| &mut node.attribute) {
        for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
            visit_subgraphs_mut(&mut graph.node, see);
            see(graph);
        }
    }
}
