//! Inputs and outputs in types that `wasi:nn` has.

use std::collections::BTreeSet;

use crate::inspect::{names, unused, visit_subgraphs_mut};
use crate::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, StringStringEntryProto, ValueInfoProto,
    type_proto,
};

/// The key of an input's or output's declared type in its metadata.
const DECLARED: &str = "pilotlight.element";
/// The oldest operator set whose `Cast` names its type by number.
const OPSET_OF_CASTS: i64 = 6;
const INT: i32 = 2;

/// Types that `wasi:nn` lacks, by their numbers in ONNX's `TensorProto.DataType`, and the smallest that it has for
/// them: BOOL, INT8 and INT16 as UINT8, INT32 and INT32.
const TYPES: [(i32, i32); 3] = [(9, 2), (3, 6), (5, 6)];

/// Casts inputs and outputs of types that `wasi:nn` lacks to and from types that it has; tells whether there were any.
/// [`signature_of`](crate::signature_of) still tells the declared types.
pub fn to_host_types(model: &mut ModelProto) -> bool {
    if model.opset() < OPSET_OF_CASTS {
        return false;
    }
    let Some(graph) = &mut model.graph else { return false };
    let constants: BTreeSet<String> = graph.initializer.iter().map(|t| t.name.clone()).collect();
    let inputs: Vec<(String, i32)> = graph
        .input
        .iter_mut()
        .filter(|input| !constants.contains(&input.name))
        .filter_map(changed)
        .collect();
    let outputs: Vec<(String, i32)> = graph.output.iter_mut().filter_map(changed).collect();
    if inputs.is_empty() && outputs.is_empty() {
        return false;
    }
    graph
        .value_info
        .retain(|value| !inputs.iter().chain(&outputs).any(|(name, _)| *name == value.name));
    // An output that is an input has its type already.
    let computed = outputs.iter().filter(|output| !inputs.contains(output));
    for (name, _) in computed {
        let inner = renamed(graph, name);
        let element = element_of(graph.output.iter().find(|output| output.name == *name));
        graph.node.push(cast(&inner, name, element));
    }
    for (name, declared) in inputs.iter().rev() {
        let inner = renamed(graph, name);
        graph.node.insert(0, cast(name, &inner, *declared));
    }
    true
}

/// The declared type of a value that was cast, if it was.
pub(crate) fn declared(value: &ValueInfoProto) -> Option<i32> {
    let entry = value.metadata_props.iter().find(|entry| entry.key == DECLARED)?;
    entry.value.parse().ok()
}

/// Declares another type for a value, if it needs one; its name, and the type that it had.
fn changed(value: &mut ValueInfoProto) -> Option<(String, i32)> {
    let Some(type_proto::Value::TensorType(tensor)) =
        value.r#type.as_mut().and_then(|declared| declared.value.as_mut())
    else {
        return None;
    };
    let (declared, host) = *TYPES.iter().find(|(declared, _)| *declared == tensor.elem_type)?;
    tensor.elem_type = host;
    value
        .metadata_props
        .push(StringStringEntryProto { key: DECLARED.to_owned(), value: declared.to_string() });
    Some((value.name.clone(), declared))
}

fn element_of(value: Option<&ValueInfoProto>) -> i32 {
    match value.and_then(|value| value.r#type.as_ref()?.value.as_ref()) {
        Some(type_proto::Value::TensorType(tensor)) => tensor.elem_type,
        _ => 0,
    }
}

/// Gives the value called `name` another name inside the graph; returns it.
fn renamed(graph: &mut GraphProto, name: &str) -> String {
    let fresh = unused(&names(graph), &format!("{name}_declared"));
    let rename = |nodes: &mut [NodeProto]| {
        let values =
            nodes.iter_mut().flat_map(|node| node.input.iter_mut().chain(&mut node.output));
        values.filter(|value| **value == *name).for_each(|value| value.clone_from(&fresh));
    };
    visit_subgraphs_mut(&mut graph.node, &mut |graph| {
        rename(&mut graph.node);
        let outputs = graph.output.iter_mut().filter(|output| output.name == name);
        outputs.for_each(|output| output.name.clone_from(&fresh));
    });
    rename(&mut graph.node);
    let constants = graph.initializer.iter_mut().filter(|tensor| tensor.name == name);
    constants.for_each(|tensor| tensor.name.clone_from(&fresh));
    fresh
}

fn cast(input: &str, output: &str, element: i32) -> NodeProto {
    let to = AttributeProto {
        name: "to".to_owned(),
        i: element.into(),
        r#type: INT,
        ..AttributeProto::default()
    };
    NodeProto {
        op_type: "Cast".to_owned(),
        name: format!("{input}_to_{output}"),
        input: vec![input.to_owned()],
        output: vec![output.to_owned()],
        attribute: vec![to],
        ..NodeProto::default()
    }
}
