use std::path::Path;

use pilotlight_model::GraphSignature;

/// Reads the inputs and outputs that an ONNX file declares, as
/// [`ModelFolder::detect`](pilotlight_model::ModelFolder::detect) wants to know them.
///
/// # Errors
/// The mistake, in words.
pub fn signature(path: &Path) -> Result<GraphSignature, String> {
    pilotlight_onnx::signature(path).map_err(|error| error.to_string())
}

/// The inputs and outputs that a graph declares; constants are none.
pub(crate) fn of_model(model: &ModelProto) -> GraphSignature {
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

#[cfg(test)]
mod tests {
    use pilotlight_onnx::proto::TensorProto;
    use pilotlight_testing::tiny_model;

    use super::*;

    #[test]
    fn ports_are_those_of_the_file_without_its_constants() {
        let mut model = tiny_model::graph();
        let graph = model.graph.as_mut().unwrap();
        graph.input = vec![
            tiny_model::tensor_value("image", 1, &["batch", "3", "48", "192"]),
            tiny_model::tensor_value("weights", 1, &["32", "3"]),
            tiny_model::tensor_value("scalar", 7, &[]),
            ValueInfoProto { name: "unknown".into(), ..Default::default() },
        ];
        graph.initializer = vec![TensorProto { name: "weights".into(), ..Default::default() }];
        let port = |name: &str, element, dims: Option<&[Option<u64>]>| GraphPort {
            name: name.into(),
            element,
            dims: dims.map(<[_]>::to_vec),
        };
        let GraphSignature { inputs, outputs } = of_model(&model);
        assert_eq!(
            inputs,
            [
                port("image", 1, Some(&[None, Some(3), Some(48), Some(192)])),
                port("scalar", 7, Some(&[])),
                port("unknown", 0, None),
            ]
        );
        assert_eq!(outputs, [port("logits", 1, Some(&[None, None, Some(3)]))]);
        assert_eq!(of_model(&ModelProto::default()), GraphSignature::default());
    }
}
