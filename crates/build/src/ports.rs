//! Inputs and outputs of a graph, as its file declares them.

use std::collections::BTreeSet;

use pilotlight_onnx::proto::tensor_shape::Dimension;
use pilotlight_onnx::proto::{ModelProto, ValueInfoProto, dimension, type_proto};

/// An input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) name: String,
    /// One of ONNX's `TensorProto.DataType`; 0 where none is declared.
    pub(crate) element: i32,
    /// Its sizes, where they are fixed; none for a scalar, and where no shape is declared.
    pub(crate) dims: Vec<Option<u32>>,
}

/// The inputs that are not constants, and the outputs.
pub(crate) fn ports(model: &ModelProto) -> [Vec<Port>; 2] {
    let Some(graph) = &model.graph else { return [Vec::new(), Vec::new()] };
    let constants: BTreeSet<&str> =
        graph.initializer.iter().map(|tensor| &tensor.name[..]).collect();
    let inputs = graph.input.iter().filter(|input| !constants.contains(&input.name[..]));
    [inputs.map(port).collect(), graph.output.iter().map(port).collect()]
}

fn port(value: &ValueInfoProto) -> Port {
    let tensor = match value.r#type.as_ref().and_then(|declared| declared.value.as_ref()) {
        Some(type_proto::Value::TensorType(tensor)) => Some(tensor),
        _ => None,
    };
    let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
    Port {
        name: value.name.clone(),
        element: tensor.map_or(0, |tensor| tensor.elem_type),
        dims: shape.map_or_else(Vec::new, |shape| shape.dim.iter().map(size).collect()),
    }
}

fn size(dimension: &Dimension) -> Option<u32> {
    match dimension.value {
        Some(dimension::Value::DimValue(size)) => u32::try_from(size).ok(),
        _ => None,
    }
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
        let port = |name: &str, element, dims: &[Option<u32>]| Port {
            name: name.into(),
            element,
            dims: dims.to_vec(),
        };
        let [inputs, outputs] = ports(&model);
        assert_eq!(
            inputs,
            [
                port("image", 1, &[None, Some(3), Some(48), Some(192)]),
                port("scalar", 7, &[]),
                port("unknown", 0, &[]),
            ]
        );
        assert_eq!(outputs, [port("logits", 1, &[None, None, Some(3)])]);
        assert_eq!(ports(&ModelProto::default()), [vec![], vec![]]);
    }
}
