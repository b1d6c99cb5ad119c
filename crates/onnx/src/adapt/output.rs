//! The form of the outputs.

use super::inputs::{InputShape, tensor_type_mut};
use super::{Adapt, EncoderOutput, cast, node};
use crate::element::{FLOAT, INT64};
use crate::inspect::visit_subgraphs_mut;
use crate::proto::{
    AttributeProto, NodeProto, TensorProto, TensorShapeProto, TensorType, TypeProto, dimension,
    tensor_shape, type_proto,
};

const INTS: i32 = 7;
/// The oldest operator set whose `Unsqueeze` takes its axes as an input.
const OPSET_OF_AXES_AS_INPUT: i64 = 13;

/// An output that is wanted.
pub(super) struct Output {
    pub(super) name: String,
    pub(super) lack: Lack,
    pub(super) rank: usize,
    pub(super) element: i32,
    pub(super) per_token: bool,
    pub(super) columns: Option<usize>,
}

/// A dimension that an output lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    Nothing,
    /// It is `[sequence, columns]`.
    Batch,
    /// It is `[batch]`.
    Columns,
}

impl Adapt<'_> {
    /// Makes the outputs f32, with all dimensions.
    pub(super) fn finish_outputs(
        &mut self,
        outputs: Vec<Output>,
        shape: &InputShape,
    ) -> Vec<EncoderOutput> {
        let finished = outputs.into_iter().enumerate();
        finished.map(|(index, output)| self.finish_output(index, output, shape)).collect()
    }

    fn finish_output(&mut self, index: usize, output: Output, shape: &InputShape) -> EncoderOutput {
        let Output { name, lack, rank, element, per_token, columns } = output;
        let converted = ![0, FLOAT].contains(&element);
        if converted {
            let raw = self.renamed(&name, "raw");
            self.graph.node.push(cast(&raw, &name, FLOAT));
        }
        if lack != Lack::Nothing {
            let axis = i64::from(lack == Lack::Columns);
            let flat = self.renamed(&name, "flat");
            let node = self.unsqueeze(&flat, &name, axis);
            self.graph.node.push(node);
        }
        if converted || lack != Lack::Nothing || shape.changed {
            self.changed = true;
            let last = columns.map(|columns| dimension::Value::DimValue(columns as i64));
            let last =
                tensor_shape::Dimension { value: last, ..tensor_shape::Dimension::default() };
            let [rows, length] = shape.dims.clone();
            // Of other shapes nothing is said: whoever loads the graph refuses them.
            let dims = match (per_token, rank, lack) {
                (true, _, Lack::Batch) | (true, 3, _) => Some(vec![rows, length, last]),
                (true, 2, _) if columns == Some(1) => Some(vec![rows, length]),
                (false, 2, _) | (false, _, Lack::Columns) => Some(vec![rows, last]),
                _ => None,
            };
            self.declare(index, dims.map(|dim| TensorShapeProto { dim }));
        }
        EncoderOutput { name, per_token, columns }
    }

    /// Gives the value called `name` another name, so that its own is free; returns the other.
    fn renamed(&mut self, name: &str, suffix: &str) -> String {
        let fresh = self.fresh(name, suffix);
        let rename = |nodes: &mut [NodeProto]| {
            let values =
                nodes.iter_mut().flat_map(|node| node.input.iter_mut().chain(&mut node.output));
            values.filter(|value| **value == *name).for_each(|value| value.clone_from(&fresh));
        };
        visit_subgraphs_mut(&mut self.graph.node, &mut |graph| {
            rename(&mut graph.node);
            let outputs = graph.output.iter_mut().filter(|output| output.name == name);
            outputs.for_each(|output| output.name.clone_from(&fresh));
        });
        rename(&mut self.graph.node);
        let constants = self.graph.initializer.iter_mut().filter(|tensor| tensor.name == name);
        constants.for_each(|tensor| tensor.name.clone_from(&fresh));
        fresh
    }

    /// Makes an output of the graph f32 of this shape.
    fn declare(&mut self, index: usize, shape: Option<TensorShapeProto>) {
        let Some(value) = self.graph.output.get_mut(index) else { return };
        match tensor_type_mut(value) {
            Some(tensor) => {
                tensor.elem_type = FLOAT;
                tensor.shape = shape;
            }
            None => {
                let tensor = TensorType { elem_type: FLOAT, shape };
                let value_type = Some(type_proto::Value::TensorType(tensor));
                value.r#type = Some(TypeProto { value: value_type, ..TypeProto::default() });
            }
        }
    }

    /// A node that adds an axis.
    fn unsqueeze(&mut self, input: &str, output: &str, axis: i64) -> NodeProto {
        if self.opset < OPSET_OF_AXES_AS_INPUT {
            let axes = AttributeProto {
                name: "axes".into(),
                ints: vec![axis],
                r#type: INTS,
                ..AttributeProto::default()
            };
            return node("Unsqueeze", &[input], output, vec![axes]);
        }
        let axes = self.fresh(output, "axes");
        self.graph.initializer.push(TensorProto {
            name: axes.clone(),
            dims: vec![1],
            data_type: INT64,
            int64_data: vec![axis],
            ..TensorProto::default()
        });
        node("Unsqueeze", &[input, &axes], output, Vec::new())
    }
}
