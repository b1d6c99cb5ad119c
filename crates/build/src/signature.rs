//! What a graph declares, as detection wants to know it.

use std::path::Path;

use pilotlight_model::{GraphPort, GraphSignature};
use pilotlight_onnx::proto::{ModelProto, ValueInfoProto, dimension, type_proto};

/// Reads the inputs and outputs of an ONNX file; weights in other files are not looked at.
///
/// # Errors
/// The mistake, in words.
pub fn signature(path: &Path) -> Result<GraphSignature, String> {
    let file = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    let no_data = |_: &str| Ok(Vec::new());
    let decoded = pilotlight_onnx::decode_with(&file[..], &mut { no_data });
    let (model, _) = decoded.map_err(|error| error.to_string())?;
    Ok(of_model(&model))
}

fn of_model(model: &ModelProto) -> GraphSignature {
    let Some(graph) = &model.graph else { return GraphSignature::default() };
    let is_given = |value: &&ValueInfoProto| {
        graph.initializer.iter().all(|initializer| initializer.name != value.name)
    };
    GraphSignature {
        inputs: graph.input.iter().filter(is_given).map(port).collect(),
        outputs: graph.output.iter().map(port).collect(),
    }
}

fn port(value: &ValueInfoProto) -> GraphPort {
    let kind = value.r#type.as_ref().and_then(|kind| kind.value.as_ref());
    let Some(type_proto::Value::TensorType(tensor)) = kind else {
        return GraphPort { name: value.name.clone(), element: 0, dims: None };
    };
    let size = |value: &Option<dimension::Value>| match value {
        Some(dimension::Value::DimValue(size)) => u64::try_from(*size).ok(),
        _ => None,
    };
    let dims = tensor.shape.as_ref();
    let dims = dims.map(|shape| shape.dim.iter().map(|dim| size(&dim.value)).collect());
    GraphPort { name: value.name.clone(), element: tensor.elem_type, dims }
}
