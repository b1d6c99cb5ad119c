//! Which output has the logits.

use super::inputs::{InputShape, tensor_type, tensor_type_mut};
use super::{Adapt, cast, node};
use crate::element::{BFLOAT16, FLOAT, FLOAT16, INT64};
use crate::error::OnnxError;
use crate::proto::{
    AttributeProto, NodeProto, TensorProto, TensorShapeProto, TensorType, TypeProto,
    ValueInfoProto, dimension, is_onnx, tensor_shape, type_proto,
};

const LOGITS: &str = "logits";
const DOUBLE: i32 = 11;
const INTS: i32 = 7;
/// The oldest operator set whose `Unsqueeze` takes its axes as an input.
const OPSET_OF_AXES_AS_INPUT: i64 = 13;
/// Nodes that are followed to find how many columns a value has.
const LONGEST_CHAIN: usize = 16;

/// The output that has the logits.
pub(super) struct Output {
    pub(super) name: String,
    /// It is `[sequence, labels]`: the batch axis is missing.
    pub(super) flat: bool,
    rank: usize,
    element: i32,
    pub(super) columns: Option<usize>,
}

/// How well an output's declaration fits logits, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// `[batch, sequence, labels]`
    Whole,
    /// `[sequence, labels]`
    Single,
    /// Nothing speaks against it.
    Unknown,
    No,
}

impl Adapt<'_> {
    /// Finds the logits among the outputs and drops the others.
    pub(super) fn choose_output(&mut self, labels: Option<usize>) -> Result<Output, OnnxError> {
        let index = match self.graph.output.len() {
            0 => return Err(OnnxError::Graph("the graph has no output".into())),
            1 => 0,
            _ => self.best_output(labels)?,
        };
        if self.graph.output.len() > 1 {
            let output = self.graph.output.swap_remove(index);
            let name = output.name.clone();
            self.graph.output = vec![output];
            self.prune(&name);
            self.changed = true;
        }
        let mut output = self.described(&self.graph.output[0]);
        let fits = |columns: usize| labels.is_none_or(|labels| labels == columns);
        output.flat = output.rank == 2 && output.columns.is_some_and(fits);
        if ![0, FLOAT, FLOAT16, BFLOAT16, DOUBLE].contains(&output.element) {
            let (name, element) = (&output.name, output.element);
            let reason = format!("output {name} has element type {element}, not floats");
            return Err(OnnxError::Graph(reason));
        }
        Ok(output)
    }

    fn best_output(&self, labels: Option<usize>) -> Result<usize, OnnxError> {
        let outputs = &self.graph.output;
        let fits: Vec<Fit> = outputs.iter().map(|value| self.fit(value, labels)).collect();
        let best = fits.iter().copied().min().unwrap_or(Fit::No);
        let candidates: Vec<usize> =
            (0..outputs.len()).filter(|index| best != Fit::No && fits[*index] == best).collect();
        let named = candidates.iter().find(|index| outputs[**index].name == LOGITS);
        match &candidates[..] {
            [only] => Ok(*only),
            _ => named.copied().ok_or_else(|| self.ambiguous(&candidates, labels)),
        }
    }

    fn ambiguous(&self, candidates: &[usize], labels: Option<usize>) -> OnnxError {
        let list = |indices: &mut dyn Iterator<Item = usize>| {
            indices.map(|index| shown(&self.graph.output[index])).collect::<Vec<_>>().join(", ")
        };
        let columns = labels.map_or("the labels".into(), |labels| format!("{labels} labels"));
        OnnxError::Graph(if candidates.is_empty() {
            let all = list(&mut (0..self.graph.output.len()));
            format!("none of the outputs {all} has {columns} for each token")
        } else {
            let list = list(&mut candidates.iter().copied());
            format!(
                "each of the outputs {list} could be {columns} for each token; export only one of \
                 them, or name it {LOGITS}"
            )
        })
    }

    fn fit(&self, value: &ValueInfoProto, labels: Option<usize>) -> Fit {
        let output = self.described(value);
        let declared = tensor_type(value).and_then(|tensor| tensor.shape.as_ref());
        let rank = declared.map(|shape| shape.dim.len());
        let float = [FLOAT, FLOAT16, BFLOAT16, DOUBLE].contains(&output.element);
        let possible = float || output.element == 0;
        match (rank, output.columns, labels) {
            _ if !possible || rank.is_some_and(|rank| rank != 2 && rank != 3) => Fit::No,
            (_, Some(columns), Some(labels)) if columns != labels => Fit::No,
            (Some(3), Some(_), _) => Fit::Whole,
            (Some(2), Some(_), _) => Fit::Single,
            _ => Fit::Unknown,
        }
    }

    fn described(&self, value: &ValueInfoProto) -> Output {
        let tensor = tensor_type(value);
        let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
        let last = shape.and_then(|shape| shape.dim.last()).and_then(|dim| dim.value.as_ref());
        let columns = match last {
            Some(dimension::Value::DimValue(size)) if *size > 0 => Some(*size as usize),
            _ => self.columns(&value.name),
        };
        Output {
            name: value.name.clone(),
            flat: false,
            rank: shape.map_or(3, |shape| shape.dim.len()),
            element: tensor.map_or(0, |tensor| tensor.elem_type),
            columns,
        }
    }

    /// Columns that a value has because it is a product with constant weights.
    fn columns(&self, name: &str) -> Option<usize> {
        let mut name = name;
        for _ in 0..LONGEST_CHAIN {
            let node = self.producer(name).filter(|node| is_onnx(&node.domain))?;
            let constant = |index: usize| self.constant(node.input.get(index)?);
            let size = |dim: Option<&i64>| dim.and_then(|dim| usize::try_from(*dim).ok());
            match &node.op_type[..] {
                "MatMul" => return size(constant(1)?.dims.last()),
                "Gemm" if transposed(node) => return size(constant(1)?.dims.first()),
                "Gemm" => return size(constant(1)?.dims.last()),
                "Add" => match constant(0).or(constant(1)) {
                    Some(bias) if bias.dims.len() == 1 && bias.dims[0] > 1 => {
                        return size(bias.dims.first());
                    }
                    _ => name = node.input.iter().find(|name| self.constant(name).is_none())?,
                },
                "Cast" | "Identity" | "Dropout" | "Squeeze" => name = node.input.first()?,
                _ => return None,
            }
        }
        None
    }

    /// Makes the output f32 `[batch, sequence, labels]`.
    pub(super) fn finish_output(&mut self, output: Output, shape: &InputShape) {
        let Output { mut name, flat, rank, element, columns } = output;
        let before = name.clone();
        if ![0, FLOAT].contains(&element) {
            let converted = self.fresh(&name, "f32");
            self.graph.node.push(cast(&name, &converted, FLOAT));
            name = converted;
        }
        if flat {
            let whole = self.fresh(&name, "batch");
            let node = self.unsqueeze(&name, &whole);
            self.graph.node.push(node);
            name = whole;
        }
        if name == before && !shape.changed {
            return;
        }
        self.changed = true;
        let last = columns.map(|columns| dimension::Value::DimValue(columns as i64));
        let last = tensor_shape::Dimension { value: last, ..tensor_shape::Dimension::default() };
        let [rows, length] = shape.dims.clone();
        let dims = TensorShapeProto { dim: vec![rows, length, last] };
        // Of other shapes nothing is said: who loads the graph refuses them.
        let dims = (flat || rank == 3).then_some(dims);
        let Some(value) = self.graph.output.first_mut() else { return };
        value.name = name;
        match tensor_type_mut(value) {
            Some(tensor) => {
                tensor.elem_type = FLOAT;
                tensor.shape = dims;
            }
            None => {
                let tensor = TensorType { elem_type: FLOAT, shape: dims };
                let value_type = Some(type_proto::Value::TensorType(tensor));
                value.r#type = Some(TypeProto { value: value_type, ..TypeProto::default() });
            }
        }
    }

    /// A node that adds the batch axis.
    fn unsqueeze(&mut self, input: &str, output: &str) -> NodeProto {
        if self.opset < OPSET_OF_AXES_AS_INPUT {
            let axes = AttributeProto {
                name: "axes".into(),
                ints: vec![0],
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
            int64_data: vec![0],
            ..TensorProto::default()
        });
        node("Unsqueeze", &[input, &axes], output, Vec::new())
    }
}

fn transposed(node: &NodeProto) -> bool {
    node.attribute.iter().any(|attribute| attribute.name == "transB" && attribute.i != 0)
}

/// An output with its declared shape, for errors.
fn shown(value: &ValueInfoProto) -> String {
    let Some(shape) = tensor_type(value).and_then(|tensor| tensor.shape.as_ref()) else {
        return value.name.clone();
    };
    let dims = shape.dim.iter().map(|dim| match &dim.value {
        Some(dimension::Value::DimValue(size)) => size.to_string(),
        Some(dimension::Value::DimParam(name)) => name.clone(),
        None => "?".into(),
    });
    format!("{} [{}]", value.name, dims.collect::<Vec<_>>().join(", "))
}
