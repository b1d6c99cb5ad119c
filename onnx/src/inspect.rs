//! Looks into every corner of a model: subgraphs, attributes and functions included.

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

/// Whether a row's result depends on the other rows of its batch: activations are quantised with
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
