//! tract: pure Rust, part of every build.

use std::collections::HashMap;

use pilotlight_onnx::{Dim, Imported, Plan, Port as OnnxPort, decode, import};
use tract_core::internal::{
    DatumType, IntoTValue as _, Symbol, TDim, TValue, TVec, Tensor as TractTensor, ToDim as _,
    TractError, TractResult, TypedModel,
};

use crate::backend::{Backend, Batching, LoadOptions, Model, mixes_rows};
use crate::buffer::Buffers;
use crate::device::Device;
use crate::error::{Error, Result, RunError};
use crate::independence::rows_are_independent;
use crate::package::Package;
use crate::rows::MOST_KEPT;
use crate::signature::{Dimension, Port, Signature};
use crate::tensor::{Element, Shape, Tensor};

/// Inference by tract, on the processor.
#[derive(Debug)]
pub struct Tract(());

impl Tract {
    /// The backend.
    ///
    /// # Errors
    /// [`Error::Unavailable`] for a device other than the processor.
    pub fn new(device: &Device) -> Result<Self> {
        if device.is_cpu() {
            return Ok(Self(()));
        }
        let message = format!("tract supports only the device cpu, not {device}; use onnxruntime");
        Err(Error::Unavailable(message))
    }
}

impl Backend for Tract {
    fn name(&self) -> &'static str {
        "tract"
    }

    fn load(&self, name: &str, file: Vec<u8>, _: LoadOptions) -> Result<Box<dyn Model>> {
        let refuse = |reason: String| Error::InvalidGraph { graph: name.to_owned(), reason };
        if Package::is(&file) {
            let reason = "an encoder with a decoder is computed by ONNX Runtime, and not by tract";
            return Err(refuse(reason.to_owned()));
        }
        let model = decode(&file[..]).map_err(|error| refuse(error.to_string()))?;
        let mixes_rows = mixes_rows(&model);
        let imported = import(model).map_err(|error| refuse(error.to_string()))?;
        let signature = signature(&imported).map_err(refuse)?;
        let failed = |error: TractError| refuse(format!("{error:#}"));
        let one = rows_symbol(&imported);
        let whole = |model: TypedModel, row_by_row: bool| {
            let (plan, signature) = (plan(model)?, signature.clone());
            let mixes_rows = mixes_rows.clone();
            Ok(Loaded { plan, signature, row_by_row, mixes_rows })
        };
        let loaded = whole(imported.model.clone(), false).map_err(failed)?;
        // Who puts rows together tries it again, and tells why it failed.
        let tried = || rows_are_independent(&loaded, &Buffers::new(0)).unwrap_or(false);
        match one {
            Some(one) if mixes_rows.is_none() && tried() => {
                let model = imported.model.set_symbols(&one).map_err(failed)?;
                Ok(Box::new(whole(model, true).map_err(failed)?))
            }
            _ => Ok(Box::new(loaded)),
        }
    }
}

fn plan(mut model: TypedModel) -> TractResult<Plan> {
    model.declutter()?;
    model.optimize()?;
    Plan::new(model)
}

/// One row: the symbol that is the first dimension of all inputs and outputs, if there is one.
fn rows_symbol(imported: &Imported) -> Option<HashMap<Symbol, TDim>> {
    let symbols = &imported.model.symbols;
    let ports = || imported.inputs.iter().chain(&imported.outputs);
    for name in ports().flat_map(|port| &port.dims).filter_map(named) {
        // Faster elementwise kernels want proof that there is something to compute. A name that
        // is none in tract's language goes without.
        let _ = symbols.add_assertion(format!("{name} >= 1"));
    }
    let first = |port: &OnnxPort| port.dims.first().and_then(named).cloned();
    let name = first(imported.inputs.first()?)?;
    let same = ports().all(|port| first(port).as_ref() == Some(&name));
    same.then(|| HashMap::from([(symbols.sym(&name), 1.to_dim())]))
}

fn named(dim: &Dim) -> Option<&String> {
    match dim {
        Dim::Named(name) => Some(name),
        Dim::Fixed(_) | Dim::Any => None,
    }
}

fn signature(imported: &Imported) -> std::result::Result<Signature, String> {
    let ports = |ports: &[OnnxPort]| ports.iter().map(port).collect::<std::result::Result<_, _>>();
    Ok(Signature { inputs: ports(&imported.inputs)?, outputs: ports(&imported.outputs)? })
}

fn port(port: &OnnxPort) -> std::result::Result<Port, String> {
    let dimension = |dim: &Dim| match dim {
        Dim::Fixed(size) => u32::try_from(*size).map_or(Dimension::Any, Dimension::Fixed),
        Dim::Named(name) => Dimension::Named(name.clone()),
        Dim::Any => Dimension::Any,
    };
    let element = element(port.element)
        .ok_or_else(|| format!("{} has elements of ONNX type {}", port.name, port.element))?;
    let dimensions = Some(port.dims.iter().map(dimension).collect());
    Ok(Port { name: port.name.clone(), element, dimensions })
}

/// ONNX `TensorProto.DataType`
fn element(data_type: i32) -> Option<Element> {
    Some(match data_type {
        1 => Element::F32,
        2 => Element::U8,
        6 => Element::I32,
        7 => Element::I64,
        10 => Element::F16,
        11 => Element::F64,
        _ => return None,
    })
}

/// A graph, shared; each run has its own scratch.
struct Loaded {
    plan: Plan,
    signature: Signature,
    /// The plan is for one row. tract gains nothing by running several at once, and has faster
    /// kernels where it knows that there is one.
    row_by_row: bool,
    mixes_rows: Option<String>,
}

impl Model for Loaded {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn engine(&self) -> &'static str {
        "tract"
    }

    fn batching(&self) -> Batching {
        if self.row_by_row { Batching::Alone } else { Batching::Stacked }
    }

    fn mixes_rows(&self) -> Option<&str> {
        self.mixes_rows.as_deref()
    }

    fn run(
        &self,
        inputs: &[Tensor],
        buffers: &Buffers,
    ) -> std::result::Result<Vec<Tensor>, RunError> {
        let rows = inputs.first().and_then(|input| input.shape().sizes().first().copied());
        let outputs = match rows {
            Some(rows) if self.row_by_row && rows > 1 => self.run_rows(inputs, rows, buffers),
            _ => self.run_whole(inputs, buffers),
        };
        outputs.map_err(|error| format!("{error:#}").into())
    }
}

impl Loaded {
    fn run_whole(&self, inputs: &[Tensor], buffers: &Buffers) -> TractResult<Vec<Tensor>> {
        let inputs = inputs.iter().map(|input| to_tract(input, input.shape(), input.bytes()));
        let outputs = self.plan.run(inputs.collect::<TractResult<_>>()?)?;
        outputs.iter().map(|output| from_tract(output, buffers)).collect()
    }

    fn run_rows(
        &self,
        inputs: &[Tensor],
        rows: u32,
        buffers: &Buffers,
    ) -> TractResult<Vec<Tensor>> {
        let mut outputs: Vec<Vec<TValue>> = vec![Vec::new(); self.signature.outputs.len()];
        for row in 0..rows as usize {
            let part = |input: &Tensor| {
                let bytes = input.bytes().len() / rows as usize;
                let shape = input.shape().with_rows(1).map_err(TractError::msg)?;
                to_tract(input, shape, &input.bytes()[row * bytes..][..bytes])
            };
            let results = self.plan.run(inputs.iter().map(part).collect::<TractResult<_>>()?)?;
            check_room(&results, rows)?;
            outputs.iter_mut().zip(results).for_each(|(rows, result)| rows.push(result));
        }
        outputs.iter().map(|parts| stacked(parts, rows, buffers)).collect()
    }
}

/// Refuses `rows` results of this size before they are all in memory.
fn check_room(results: &[TValue], rows: u32) -> TractResult<()> {
    let bytes = results.iter().map(|result| result.len() * result.datum_type().size_of());
    let bytes = bytes.sum::<usize>().saturating_mul(rows as usize);
    if bytes <= MOST_KEPT {
        return Ok(());
    }
    let message = format!(
        "the outputs have {bytes} bytes, more than the maximum of {MOST_KEPT}; send fewer rows at \
         once"
    );
    Err(TractError::msg(message))
}

/// The results of several runs of one row, below each other.
fn stacked(parts: &[TValue], rows: u32, buffers: &Buffers) -> TractResult<Tensor> {
    let first = parts.first().ok_or_else(|| TractError::msg("no rows"))?;
    let (element, shape) = described(first)?;
    if shape.sizes().first() != Some(&1) || parts.iter().any(|p| p.shape() != first.shape()) {
        return Err(TractError::msg(format!("a row came as {shape}")));
    }
    let plain =
        parts.iter().map(|part| part.try_as_plain_ram()).collect::<TractResult<Vec<_>>>()?;
    let data = buffers.gathered(plain.iter().map(|part| part.as_bytes()));
    let shape = shape.with_rows(rows).map_err(TractError::msg)?;
    Tensor::from_buffer(element, shape, data).map_err(TractError::msg)
}

fn to_tract(tensor: &Tensor, shape: Shape, bytes: &[u8]) -> TractResult<TValue> {
    let datum_type = match tensor.element() {
        Element::F16 => DatumType::F16,
        Element::F32 => DatumType::F32,
        Element::F64 => DatumType::F64,
        Element::U8 => DatumType::U8,
        Element::I32 => DatumType::I32,
        Element::I64 => DatumType::I64,
        Element::Bf16 => return Err(TractError::msg("bf16 is not supported")),
    };
    let sizes: TVec<usize> = shape.sizes().iter().map(|size| *size as usize).collect();
    let mut copy = TractTensor::zero_dt(datum_type, &sizes)?;
    copy.try_as_plain_ram_mut()?.as_bytes_mut().copy_from_slice(bytes);
    Ok(copy.into_tvalue())
}

fn from_tract(tensor: &TValue, buffers: &Buffers) -> TractResult<Tensor> {
    let (element, shape) = described(tensor)?;
    let plain = tensor.try_as_plain_ram()?;
    let made = Tensor::from_buffer(element, shape, buffers.copied(plain.as_bytes()));
    made.map_err(TractError::msg)
}

fn described(tensor: &TValue) -> TractResult<(Element, Shape)> {
    let element = match tensor.datum_type() {
        DatumType::F16 => Element::F16,
        DatumType::F32 => Element::F32,
        DatumType::F64 => Element::F64,
        DatumType::U8 => Element::U8,
        DatumType::I32 => Element::I32,
        DatumType::I64 => Element::I64,
        other => return Err(TractError::msg(format!("an output of {other:?}"))),
    };
    let sizes: Vec<u32> = tensor.shape().iter().map(|size| *size as u32).collect();
    Ok((element, Shape::new(&sizes).map_err(TractError::msg)?))
}
