use tract_core::internal::*;
use tract_core::ops::cast::wire_cast;

use super::lowering::{graph_error, lower};
use crate::element::{datum_type, element};
use crate::error::OnnxError;
use crate::proto::{ModelProto, TensorType, ValueInfoProto, dimension, type_proto};
use crate::shape::check_volume;

/// tract names its own symbols with it.
const RESERVED: char = '🎯';

/// A graph with all its inputs and outputs.
pub struct Imported {
    /// Sources and outputs in the order of the ports.
    pub model: TypedModel,
    /// The inputs that are not constants.
    pub inputs: Vec<Port>,
    /// The outputs.
    pub outputs: Vec<Port>,
}

/// An input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The name.
    pub name: String,
    /// One of ONNX's `TensorProto.DataType`.
    pub element: i32,
    /// The shape.
    pub dims: Vec<Dim>,
}

/// One dimension of a [`Port`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dim {
    /// Always this.
    Fixed(i64),
    /// The same wherever the name is.
    Named(String),
    /// Anything.
    Any,
}

/// Lowers a graph with its inputs as they are declared: sizes where it gives them, a symbol for
/// each name, and a fresh symbol for each dimension that has neither.
///
/// # Errors
/// [`OnnxError`] naming the node or tensor, for anything malformed, unknown or absurd.
pub fn import(model: ModelProto) -> Result<Imported, OnnxError> {
    let mut lowered = lower(model, source_fact, false)?;
    let mut outlets = Vec::with_capacity(lowered.outputs.len());
    let mut outputs = Vec::with_capacity(lowered.outputs.len());
    for declared in std::mem::take(&mut lowered.outputs) {
        let outlet = lowered.value(&declared.name)?;
        let outlet = plain(&mut lowered.model, &declared.name, outlet).map_err(graph_error)?;
        let fact = lowered.model.outlet_fact(outlet).map_err(graph_error)?;
        outputs.push(output_port(&declared, fact)?);
        outlets.push(outlet);
    }
    lowered.model.select_output_outlets(&outlets).map_err(graph_error)?;
    let inputs = lowered.inputs.iter().map(input_port).collect::<Result<_, _>>()?;
    Ok(Imported { model: lowered.model, inputs, outputs })
}

/// A value as its users see it: tract computes shapes in a type of its own.
fn plain(model: &mut TypedModel, name: &str, outlet: OutletId) -> TractResult<OutletId> {
    if model.outlet_fact(outlet)?.datum_type != TDim::datum_type() {
        return Ok(outlet);
    }
    Ok(wire_cast(format!("{name}.plain"), model, &[outlet], i64::datum_type())?[0])
}

fn source_fact(input: &ValueInfoProto, symbols: &SymbolScope) -> Result<TypedFact, OnnxError> {
    let port = input_port(input)?;
    let refuse = |reason: &str| OnnxError::Graph(format!("input {} {reason}", input.name));
    let dtype = datum_type(port.element)
        .ok_or_else(|| refuse(&format!("has unsupported element type {}", port.element)))?;
    let dims: Vec<TDim> = port
        .dims
        .iter()
        .map(|dim| match dim {
            Dim::Fixed(size) => size.to_dim(),
            Dim::Named(name) => symbols.sym(name).to_dim(),
            Dim::Any => symbols.new_with_prefix(&format!("{}_dim", input.name)).to_dim(),
        })
        .collect();
    check_volume(&dims, dtype).map_err(|error| refuse(&format!("is refused: {error:#}")))?;
    Ok(dtype.fact(dims))
}

pub(super) fn input_port(input: &ValueInfoProto) -> Result<Port, OnnxError> {
    let refuse = |reason: &str| OnnxError::Graph(format!("input {} {reason}", input.name));
    let tensor = tensor_type(input).ok_or_else(|| refuse("is not declared to be a tensor"))?;
    let dims = declared_dims(tensor).ok_or_else(|| refuse("declares no shape"))?;
    if dims.iter().any(|dim| matches!(dim, Dim::Named(name) if name.contains(RESERVED))) {
        return Err(refuse("has a dimension of a reserved name"));
    }
    Ok(Port { name: input.name.clone(), element: tensor.elem_type, dims })
}

/// What the graph computes; names of dimensions are taken from the declaration.
fn output_port(output: &ValueInfoProto, fact: &TypedFact) -> Result<Port, OnnxError> {
    let element = element(fact.datum_type).ok_or_else(|| {
        OnnxError::Graph(format!("output {} is of type {:?}", output.name, fact.datum_type))
    })?;
    let shape = fact.shape.to_tvec();
    let declared = tensor_type(output).and_then(declared_dims);
    let mut declared = declared.filter(|dims| dims.len() == shape.len()).unwrap_or_default();
    declared.resize(shape.len(), Dim::Any);
    let dims = shape.iter().zip(declared).map(|(computed, declared)| match computed {
        TDim::Val(size) => Dim::Fixed(*size),
        TDim::Sym(symbol) if declared == Dim::Any => Dim::Named(symbol.to_string()),
        _ if matches!(declared, Dim::Fixed(_)) => Dim::Any,
        _ => declared,
    });
    Ok(Port { name: output.name.clone(), element, dims: dims.collect() })
}

fn tensor_type(value: &ValueInfoProto) -> Option<&TensorType> {
    match value.r#type.as_ref()?.value.as_ref()? {
        type_proto::Value::TensorType(tensor) => Some(tensor),
        _ => None,
    }
}

/// The sizes that a value declares, `None` for those that are not fixed.
pub(super) fn declared_sizes(value: &ValueInfoProto) -> Option<Vec<Option<i64>>> {
    let size = |dim: Dim| match dim {
        Dim::Fixed(size) => Some(size),
        Dim::Named(_) | Dim::Any => None,
    };
    Some(declared_dims(tensor_type(value)?)?.into_iter().map(size).collect())
}

fn declared_dims(tensor: &TensorType) -> Option<Vec<Dim>> {
    let dims = tensor.shape.as_ref()?.dim.iter().map(|dim| match &dim.value {
        Some(dimension::Value::DimValue(size)) if *size >= 0 => Dim::Fixed(*size),
        // Paddle calls all unknown sizes by this one name.
        Some(dimension::Value::DimParam(name)) if !name.is_empty() && name != "?" => {
            Dim::Named(name.clone())
        }
        // Negative sizes stand for unknown ones, as ONNX Runtime reads them.
        _ => Dim::Any,
    });
    Some(dims.collect())
}
