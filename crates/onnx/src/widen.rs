//! Graphs of 16-bit floats as graphs of 32-bit floats.

use tract_core::internal::f16;

use crate::element::{BFLOAT16, FLOAT, FLOAT16};
use crate::inspect::{visit_graphs_mut, visit_tensors_mut};
use crate::proto::{
    AttributeProto, ModelProto, NodeProto, TensorProto, TypeProto, ValueInfoProto, is_onnx,
    type_proto,
};

/// Makes every 16-bit float of the model a 32-bit one: constants, declared types, and what `Cast`
/// gives. The numbers stay the same; results are no longer rounded to 16 bits in between.
pub fn widen_halves(model: &mut ModelProto) {
    visit_tensors_mut(model, &mut widen_tensor);
    visit_graphs_mut(model, &mut |graph| {
        graph.node.iter_mut().for_each(widen_node);
        let values = graph.input.iter_mut().chain(&mut graph.output).chain(&mut graph.value_info);
        values.for_each(widen_value);
    });
    for function in &mut model.functions {
        function.node.iter_mut().for_each(widen_node);
        function.value_info.iter_mut().for_each(widen_value);
    }
}

fn is_half(element: i32) -> bool {
    [FLOAT16, BFLOAT16].contains(&element)
}

fn widen_tensor(tensor: &mut TensorProto) {
    let widen: fn(u16) -> f32 = match tensor.data_type {
        FLOAT16 => |bits| f16::from_bits(bits).to_f32(),
        BFLOAT16 => |bits| f32::from_bits(u32::from(bits) << 16),
        _ => return,
    };
    // Data of an odd length fits neither type: it stays, and is refused when it is read.
    if !tensor.raw_data.len().is_multiple_of(2) {
        return;
    }
    let pairs = tensor.raw_data.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let words = tensor.int32_data.iter().map(|word| *word as u16);
    let values: Vec<u8> = pairs.chain(words).flat_map(|bits| widen(bits).to_le_bytes()).collect();
    tensor.raw_data = values.into();
    tensor.int32_data.clear();
    tensor.data_type = FLOAT;
}

fn widen_node(node: &mut NodeProto) {
    let named = match &node.op_type[..] {
        _ if !is_onnx(&node.domain) => return,
        "Cast" => "to",
        "EyeLike" | "RandomNormal" | "RandomNormalLike" | "RandomUniform" | "RandomUniformLike" => {
            "dtype"
        }
        _ => return,
    };
    let widen = |attribute: &mut AttributeProto| {
        if attribute.name == named && i32::try_from(attribute.i).is_ok_and(is_half) {
            attribute.i = FLOAT.into();
        }
    };
    node.attribute.iter_mut().for_each(widen);
}

fn widen_value(value: &mut ValueInfoProto) {
    if let Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), .. }) =
        &mut value.r#type
        && is_half(tensor.elem_type)
    {
        tensor.elem_type = FLOAT;
    }
}
