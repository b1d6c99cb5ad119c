//! Brings a graph that computes one session at a time, with a state that goes in and comes out, into a form
//! that computes many: the first dimension of every input and output counts them.

use crate::element::{FLOAT, INT64};
use crate::error::OnnxError;
use crate::inspect::{names, unused};
use crate::proto::{
    AttributeProto, ModelProto, NodeProto, TensorProto, TensorShapeProto, TensorType, TypeProto,
    ValueInfoProto, dimension, tensor_shape::Dimension, type_proto,
};

const SESSIONS: &str = "sessions";
const INTS: i32 = 7;
/// A state is `[parts, sessions, width]`: sessions are behind its parts.
const STATE_RANK: usize = 3;
/// The oldest schema whose constants need not be inputs.
const IR_OF_CONSTANTS: i64 = 4;

/// Rewrites a graph that reads `frame` samples, f32 `[1, frame]`, and states, f32 `[parts, 1, width]`, and
/// gives probabilities `[1, 1]` and states. States become `[sessions, parts, width]` and get other names; all
/// other inputs and outputs have `sessions` first. An input of one i64 becomes the constant `rate`.
///
/// # Errors
/// [`OnnxError::Graph`] naming an input or output of another form.
pub fn stack_sessions(model: &mut ModelProto, frame: u64, rate: i64) -> Result<(), OnnxError> {
    let missing = || OnnxError::Graph("the file holds no graph".into());
    let graph = model.graph.as_mut().ok_or_else(missing)?;
    // Shapes in between are those of one session.
    graph.value_info.clear();
    let mut moved = Vec::new();
    for mut input in std::mem::take(&mut graph.input) {
        if graph.initializer.iter().any(|constant| constant.name == input.name) {
            graph.input.push(input);
            continue;
        }
        let sizes = sizes(&input);
        match (element(&input), sizes.as_deref()) {
            (INT64, Some(sizes)) if sizes.iter().all(|size| *size == Some(1)) => {
                graph.initializer.push(constant(&input.name, sizes.len(), rate));
                continue;
            }
            (FLOAT, Some([_, samples])) if samples.is_none_or(|samples| samples == frame) => {
                set_sizes(&mut input, &[None, Some(frame)]);
            }
            (FLOAT, Some([parts @ Some(_), _, width @ Some(_)])) => {
                let (parts, width) = (*parts, *width);
                let name = unused(&names(graph), &format!("{}_of_{SESSIONS}", input.name));
                moved.push(transpose(&name, &input.name));
                input.name = name;
                set_sizes(&mut input, &[None, parts, width]);
            }
            _ => return Err(unfit("input", &input)),
        }
        graph.input.push(input);
    }
    for mut output in std::mem::take(&mut graph.output) {
        let sizes = sizes(&output);
        match (element(&output), sizes.as_deref()) {
            (FLOAT, Some([_, _])) => set_sizes(&mut output, &[None, Some(1)]),
            (FLOAT, Some(sizes)) if sizes.len() == STATE_RANK => {
                let (parts, width) = (sizes[0], sizes[2]);
                let name = unused(&names(graph), &format!("{}_of_{SESSIONS}", output.name));
                graph.node.push(transpose(&output.name, &name));
                output.name = name;
                set_sizes(&mut output, &[None, parts, width]);
            }
            _ => return Err(unfit("output", &output)),
        }
        graph.output.push(output);
    }
    graph.node.splice(..0, moved);
    model.ir_version = model.ir_version.max(IR_OF_CONSTANTS);
    Ok(())
}

fn unfit(what: &str, port: &ValueInfoProto) -> OnnxError {
    OnnxError::Graph(format!("{what} {} is neither a frame nor a state", port.name))
}

fn tensor(port: &ValueInfoProto) -> Option<&TensorType> {
    match port.r#type.as_ref()?.value.as_ref()? {
        type_proto::Value::TensorType(tensor) => Some(tensor),
        _ => None,
    }
}

fn element(port: &ValueInfoProto) -> i32 {
    tensor(port).map_or(0, |tensor| tensor.elem_type)
}

/// Its dimensions, as far as they are fixed; `None` if it declares none.
fn sizes(port: &ValueInfoProto) -> Option<Vec<Option<u64>>> {
    let size = |dimension: &Dimension| match dimension.value {
        Some(dimension::Value::DimValue(size)) => u64::try_from(size).ok().filter(|size| *size > 0),
        _ => None,
    };
    Some(tensor(port)?.shape.as_ref()?.dim.iter().map(size).collect())
}

/// Declares a tensor of floats; the first dimension counts sessions.
fn set_sizes(port: &mut ValueInfoProto, sizes: &[Option<u64>]) {
    let dimension = |(axis, size): (usize, &Option<u64>)| {
        let value = match size.and_then(|size| i64::try_from(size).ok()) {
            Some(size) => Some(dimension::Value::DimValue(size)),
            None => (axis == 0).then(|| dimension::Value::DimParam(SESSIONS.to_owned())),
        };
        Dimension { value, ..Dimension::default() }
    };
    let dim = sizes.iter().enumerate().map(dimension).collect();
    let tensor = TensorType { elem_type: FLOAT, shape: Some(TensorShapeProto { dim }) };
    port.r#type = Some(TypeProto {
        value: Some(type_proto::Value::TensorType(tensor)),
        denotation: String::new(),
    });
}

/// Swaps the first two dimensions.
fn transpose(input: &str, output: &str) -> NodeProto {
    let order = AttributeProto {
        name: "perm".into(),
        ints: vec![1, 0, 2],
        r#type: INTS,
        ..AttributeProto::default()
    };
    NodeProto {
        op_type: "Transpose".into(),
        name: format!("{output}_transposed"),
        input: vec![input.to_owned()],
        output: vec![output.to_owned()],
        attribute: vec![order],
        ..NodeProto::default()
    }
}

fn constant(name: &str, rank: usize, value: i64) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: vec![1; rank],
        data_type: INT64,
        raw_data: value.to_le_bytes().to_vec().into(),
        ..TensorProto::default()
    }
}
