//! tract: pure Rust, part of every build.

use std::sync::{Arc, Mutex, PoisonError};

use pilotlight_onnx::{Dim, Imported, Port as OnnxPort, decode, depends_on_batch, import};
use tract_core::internal::{
    DatumType, IntoTValue as _, SimplePlan, TValue, TVec, Tensor as TractTensor, TractError,
    TractResult, TypedFact, TypedOp, TypedSimpleState,
};

use crate::backend::{Backend, Model};
use crate::buffer::Buffers;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::signature::{Dimension, Port, Signature};
use crate::tensor::{Element, Shape, Tensor};

type Plan = SimplePlan<TypedFact, Box<dyn TypedOp>>;

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
        let message = format!("tract computes on the cpu, not on {device}; use onnxruntime");
        Err(Error::Unavailable(message))
    }
}

impl Backend for Tract {
    fn name(&self) -> &'static str {
        "tract"
    }

    fn load(&self, name: &str, file: Vec<u8>) -> Result<Box<dyn Model>> {
        let refuse = |reason: String| Error::InvalidGraph { graph: name.to_owned(), reason };
        let model = decode(file.into()).map_err(|error| refuse(error.to_string()))?;
        let batches = !depends_on_batch(&model);
        let imported = import(model).map_err(|error| refuse(error.to_string()))?;
        let signature = signature(&imported).map_err(refuse)?;
        let plan = plan(imported).map_err(|error| refuse(format!("{error:#}")))?;
        Ok(Box::new(Loaded { plan, signature, batches, states: Mutex::default() }))
    }
}

fn plan(imported: Imported) -> TractResult<Arc<Plan>> {
    let mut model = imported.model;
    model.declutter()?;
    model.optimize()?;
    SimplePlan::new(model)
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
    plan: Arc<Plan>,
    signature: Signature,
    batches: bool,
    /// Scratch that no run uses.
    states: Mutex<Vec<TypedSimpleState>>,
}

impl Model for Loaded {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn batches(&self) -> bool {
        self.batches
    }

    fn run(
        &self,
        inputs: &[Tensor],
        buffers: &Buffers,
        _alone: bool,
    ) -> std::result::Result<Vec<Tensor>, String> {
        self.try_run(inputs, buffers).map_err(|error| format!("{error:#}"))
    }
}

impl Loaded {
    fn try_run(&self, inputs: &[Tensor], buffers: &Buffers) -> TractResult<Vec<Tensor>> {
        let free = || self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = free().pop();
        let mut state = match taken {
            Some(state) => state,
            None => self.plan.spawn()?,
        };
        let inputs = inputs.iter().map(to_tract).collect::<TractResult<TVec<TValue>>>()?;
        // A state whose run failed is not used again.
        let outputs = state.run(inputs)?;
        free().push(state);
        outputs.iter().map(|output| from_tract(output, buffers)).collect()
    }
}

fn to_tract(tensor: &Tensor) -> TractResult<TValue> {
    let datum_type = match tensor.element() {
        Element::F16 => DatumType::F16,
        Element::F32 => DatumType::F32,
        Element::F64 => DatumType::F64,
        Element::U8 => DatumType::U8,
        Element::I32 => DatumType::I32,
        Element::I64 => DatumType::I64,
        Element::Bf16 => return Err(TractError::msg("bf16 is not supported")),
    };
    let shape: TVec<usize> = tensor.shape().sizes().iter().map(|size| *size as usize).collect();
    let mut copy = TractTensor::zero_dt(datum_type, &shape)?;
    copy.try_as_plain_ram_mut()?.as_bytes_mut().copy_from_slice(tensor.bytes());
    Ok(copy.into_tvalue())
}

fn from_tract(tensor: &TValue, buffers: &Buffers) -> TractResult<Tensor> {
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
    let plain = tensor.try_as_plain_ram()?;
    let made = Shape::new(&sizes)
        .and_then(|shape| Tensor::from_buffer(element, shape, buffers.copied(plain.as_bytes())));
    made.map_err(TractError::msg)
}
