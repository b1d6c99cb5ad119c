//! Types and shapes of inputs, and the table that they look up.

use pilotlight_model::InputRole;

use super::output::{Lack, Output};
use super::{Adapt, cast};
use crate::element::{INT64, datum_type};
use crate::error::OnnxError;
use crate::inspect::visit_subgraphs_mut;
use crate::proto::{
    NodeProto, TensorShapeProto, TensorType, TypeProto, ValueInfoProto, dimension, is_onnx,
    tensor_shape, type_proto,
};

const BATCH: &str = "batch_size";
const SEQUENCE: &str = "sequence_length";
/// No model reads more tokens at once.
const LONGEST_SEQUENCE: usize = 1 << 20;

/// The shape that all inputs have.
pub(super) struct InputShape {
    pub(super) single: bool,
    pub(super) length: Option<usize>,
    pub(super) dims: [tensor_shape::Dimension; 2],
    /// Inputs had other dimensions.
    pub(super) changed: bool,
}

impl Adapt<'_> {
    /// Refuses inputs that are not made from a text's tokens.
    pub(super) fn check_inputs(&self) -> Result<(), OnnxError> {
        for input in &self.graph.input {
            let refuse =
                |reason: String| OnnxError::Graph(format!("input {} {reason}", input.name));
            let Some(role) = InputRole::of(&input.name) else {
                return Err(refuse(format!("is none of {}", usual_names())));
            };
            let tensor = tensor_type(input).ok_or_else(|| refuse("is not a tensor".into()))?;
            if datum_type(tensor.elem_type).is_none() {
                return Err(refuse(format!("has unsupported element type {}", tensor.elem_type)));
            }
            let wanted = rank_of(role);
            let rank = tensor.shape.as_ref().map_or(wanted, |shape| shape.dim.len());
            if rank != wanted {
                let dims = if wanted == 1 { "the batch alone" } else { "batch and sequence" };
                return Err(refuse(format!("has {rank} dimensions, not {dims}")));
            }
        }
        let of_ids = |input: &ValueInfoProto| InputRole::of(&input.name) == Some(InputRole::Ids);
        if !self.graph.input.iter().any(of_ids) {
            let name = InputRole::Ids.names()[0];
            return Err(OnnxError::Graph(format!("the graph has no input named {name}")));
        }
        Ok(())
    }

    /// The inputs that have a sequence axis.
    fn sequences(&self) -> impl Iterator<Item = &ValueInfoProto> {
        let of_tokens =
            |input: &&ValueInfoProto| InputRole::of(&input.name) != Some(InputRole::Length);
        self.graph.input.iter().filter(of_tokens)
    }

    /// Gives all inputs the same two dimensions, or the first of them: the fixed sizes that any of
    /// them has, and names that stand for nothing else.
    pub(super) fn unify_shapes(&mut self, outputs: &[Output]) -> Result<InputShape, OnnxError> {
        let (rows, length) = (self.fixed(0)?, self.fixed(1)?);
        if let Some(rows) = rows.filter(|rows| *rows != 1) {
            return Err(OnnxError::Graph(format!(
                "its inputs have a fixed batch of {rows} sequences; export it with a dynamic batch \
                 axis, or with a batch of 1"
            )));
        }
        if let Some(length) = length.filter(|length| *length > LONGEST_SEQUENCE) {
            return Err(OnnxError::Graph(format!(
                "its inputs have a fixed length of {length} tokens"
            )));
        }
        let flat = outputs.iter().any(|output| output.lack == Lack::Batch);
        let single = rows.is_some() || flat;
        let size = |size: usize| dimension::Value::DimValue(size as i64);
        let name = |name: &str| dimension::Value::DimParam(name.to_owned());
        let wanted = [
            if single { size(1) } else { name(self.name(0).unwrap_or(BATCH)) },
            length.map_or_else(|| name(self.name(1).unwrap_or(SEQUENCE)), size),
        ];
        let wanted = match wanted {
            [dimension::Value::DimParam(rows), dimension::Value::DimParam(length)]
                if rows == length =>
            {
                [name(BATCH), name(SEQUENCE)]
            }
            wanted => wanted,
        };
        let dims = wanted.map(|value| tensor_shape::Dimension {
            value: Some(value),
            ..tensor_shape::Dimension::default()
        });
        let mut changed = false;
        for input in &mut self.graph.input {
            let rank = InputRole::of(&input.name).map_or(dims.len(), rank_of);
            let Some(tensor) = tensor_type_mut(input) else { continue };
            let shape = TensorShapeProto { dim: dims[..rank].to_vec() };
            let values = |shape: &TensorShapeProto| {
                shape.dim.iter().map(|dim| dim.value.clone()).collect::<Vec<_>>()
            };
            if tensor.shape.as_ref().map(values) != Some(values(&shape)) {
                tensor.shape = Some(shape);
                changed = true;
            }
        }
        if changed {
            // They may give the old names to the new sizes.
            self.graph.value_info.clear();
            self.changed = true;
        }
        Ok(InputShape { single, length, dims, changed })
    }

    /// The size that inputs fix for one of their dimensions.
    fn fixed(&self, axis: usize) -> Result<Option<usize>, OnnxError> {
        let mut found = None;
        for input in &self.graph.input {
            let Some(dimension::Value::DimValue(size)) = declared(input, axis) else { continue };
            // Other numbers stand for unknown sizes.
            let Some(size) = usize::try_from(*size).ok().filter(|size| *size > 0) else { continue };
            if found.is_some_and(|found| found != size) {
                return Err(OnnxError::Graph("its inputs have different fixed shapes".into()));
            }
            found = Some(size);
        }
        Ok(found)
    }

    /// The name that all inputs have for one of their dimensions, if it is a plain one that no
    /// other dimension has.
    fn name(&self, axis: usize) -> Option<&str> {
        let param = |input, axis| match declared(input, axis)? {
            dimension::Value::DimParam(name) => Some(&name[..]),
            dimension::Value::DimValue(_) => None,
        };
        let name = param(self.sequences().next()?, axis)?;
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && name.starts_with(|c: char| c.is_ascii_alphabetic());
        let same = self.sequences().all(|input| param(input, axis) == Some(name));
        let sole = self.sequences().all(|input| param(input, 1 - axis) != Some(name));
        (plain && same && sole).then_some(name)
    }

    /// Makes inputs of other types i64, and casts them for those that use them.
    pub(super) fn cast_inputs(&mut self) {
        let mut casts = Vec::new();
        for index in 0..self.graph.input.len() {
            let Some(tensor) = tensor_type_mut(&mut self.graph.input[index]) else { continue };
            let element = std::mem::replace(&mut tensor.elem_type, INT64);
            if element == INT64 {
                continue;
            }
            let name = self.graph.input[index].name.clone();
            let converted = self.fresh(&name, "cast");
            let rename = |nodes: &mut [NodeProto]| {
                let inputs = nodes.iter_mut().flat_map(|node| &mut node.input);
                inputs.filter(|input| **input == name).for_each(|input| *input = converted.clone());
            };
            visit_subgraphs_mut(&mut self.graph.node, &mut |graph| rename(&mut graph.node));
            rename(&mut self.graph.node);
            casts.push(cast(&name, &converted, element));
        }
        self.changed |= !casts.is_empty();
        self.graph.node.splice(0..0, casts);
    }

    /// Rows of the smallest constant that token ids look up.
    pub(super) fn vocabulary(&self) -> Option<usize> {
        let gathers = self.graph.node.iter().filter(|node| {
            let known = ["Gather", "GatherBlockQuantized"].contains(&&node.op_type[..]);
            let of_ids = |name: &String| {
                InputRole::of(self.origin(name)) == Some(InputRole::Ids)
                    && self.graph.input.iter().any(|input| input.name == self.origin(name))
            };
            known && node.input.get(1).is_some_and(of_ids)
        });
        let rows = gathers.filter_map(|node| {
            let table = self.constant(self.origin(node.input.first()?))?;
            usize::try_from(*table.dims.first()?).ok()
        });
        rows.min()
    }

    /// Where a value comes from that has the same numbers in the same rows.
    fn origin<'s>(&'s self, name: &'s str) -> &'s str {
        let mut name = name;
        // A chain of more nodes than there are is a circle.
        for _ in 0..self.graph.node.len() {
            let Some(node) = self.producer(name).filter(|node| is_onnx(&node.domain)) else {
                break;
            };
            let same = ["Cast", "Identity", "DequantizeLinear"].contains(&&node.op_type[..]);
            match node.input.first() {
                Some(input) if same => name = input,
                _ => break,
            }
        }
        name
    }
}

pub(super) fn tensor_type(value: &ValueInfoProto) -> Option<&TensorType> {
    match value.r#type.as_ref()?.value.as_ref()? {
        type_proto::Value::TensorType(tensor) => Some(tensor),
        _ => None,
    }
}

pub(super) fn tensor_type_mut(value: &mut ValueInfoProto) -> Option<&mut TensorType> {
    match &mut value.r#type {
        Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), .. }) => Some(tensor),
        _ => None,
    }
}

/// Dimensions of an input.
fn rank_of(role: InputRole) -> usize {
    if role == InputRole::Length { 1 } else { 2 }
}

/// The usual names of inputs, for errors.
fn usual_names() -> String {
    InputRole::ALL.map(|role| role.names()[0]).join(", ")
}

pub(super) fn declared(value: &ValueInfoProto, axis: usize) -> Option<&dimension::Value> {
    tensor_type(value)?.shape.as_ref()?.dim.get(axis)?.value.as_ref()
}
