//! ONNX files of a few nodes.

use pilotlight_onnx::encode;
use pilotlight_onnx::proto::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto,
    TensorShapeProto, TensorType, TypeProto, ValueInfoProto, dimension, tensor_shape, type_proto,
};

/// ONNX's number of the element type f32.
pub const F32: i32 = 1;
/// ONNX's number of the element type u8.
pub const U8: i32 = 2;
/// ONNX's number of the element type i64.
pub const I64: i32 = 7;
/// ONNX's number of the element type bool.
pub const BOOL: i32 = 9;

/// An input or output: name, type and dimensions, which are numbers, names or `?`.
pub fn port(name: &str, kind: i32, dimensions: &[&str]) -> ValueInfoProto {
    let dimension = |text: &&str| {
        let value = match text.parse() {
            Ok(size) => Some(dimension::Value::DimValue(size)),
            Err(_) if *text == "?" => None,
            Err(_) => Some(dimension::Value::DimParam((*text).to_owned())),
        };
        tensor_shape::Dimension { value, ..Default::default() }
    };
    let shape = TensorShapeProto { dim: dimensions.iter().map(dimension).collect() };
    let tensor = TensorType { elem_type: kind, shape: Some(shape) };
    let kind =
        TypeProto { value: Some(type_proto::Value::TensorType(tensor)), denotation: String::new() };
    ValueInfoProto { name: name.to_owned(), r#type: Some(kind), ..Default::default() }
}

/// A node without attributes.
pub fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    NodeProto {
        op_type: operator.to_owned(),
        input: owned(inputs),
        output: owned(outputs),
        ..Default::default()
    }
}

/// A file of one graph.
pub fn model(
    inputs: Vec<ValueInfoProto>,
    nodes: Vec<NodeProto>,
    outputs: Vec<ValueInfoProto>,
) -> ModelProto {
    let graph = GraphProto {
        name: "tiny".to_owned(),
        node: nodes,
        input: inputs,
        output: outputs,
        ..Default::default()
    };
    let opset = OperatorSetIdProto { domain: String::new(), version: 17 };
    ModelProto {
        ir_version: 8,
        opset_import: vec![opset],
        graph: Some(graph),
        ..Default::default()
    }
}

/// `y = x + x`, of f32, any rows of any width.
pub fn doubling() -> Vec<u8> {
    let x = port("x", F32, &["rows", "width"]);
    let y = port("y", F32, &["rows", "width"]);
    encode(&model(vec![x], vec![node("Add", &["x", "x"], &["y"])], vec![y]))
}

/// A file whose weights are in `location`.
pub fn external(location: &str) -> Vec<u8> {
    let entry = |key: &str, value: &str| StringStringEntryProto {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    let weights = TensorProto {
        name: "secret".to_owned(),
        data_type: F32,
        dims: vec![4],
        data_location: 1,
        external_data: vec![entry("location", location), entry("length", "16")],
        ..Default::default()
    };
    let (x, y) = (port("x", F32, &["rows", "4"]), port("y", F32, &["rows", "4"]));
    let mut model = model(vec![x], vec![node("Add", &["x", "secret"], &["y"])], vec![y]);
    model.graph.as_mut().unwrap().initializer.push(weights);
    encode(&model)
}
