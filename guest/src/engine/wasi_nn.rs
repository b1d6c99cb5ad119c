use pilotlight_wire::{TryLater, TryLaterCause};

use super::{Element, Engine, EngineError, HostGraph, Later, NamedTensor, Port, Tensor};

mod bindings {
    #![allow(missing_docs, reason = "generated")]
    spin_sdk::wit_bindgen::generate!({
        world: "wasi:nn/ml",
        path: "../wit",
        runtime_path: "::spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

use bindings::wasi::nn::errors::{Error, ErrorCode};
use bindings::wasi::nn::graph::load_by_name;
use bindings::wasi::nn::tensor::{Tensor as NnTensor, TensorType};

/// Inference by the host. Holds no handle of it: a snapshot would carry it into instances that
/// never asked for it.
pub struct NnEngine(HostGraph);

impl NnEngine {
    /// Has the host compute `graph`.
    pub fn new(graph: HostGraph) -> Self {
        Self(graph)
    }
}

impl Engine for NnEngine {
    fn inputs(&self) -> &[Port] {
        &self.0.inputs
    }

    fn outputs(&self) -> &[Port] {
        &self.0.outputs
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<NamedTensor>, EngineError> {
        let named = self.0.inputs.iter().zip(&inputs);
        let inputs = named.map(|(port, tensor)| Ok((port.name.clone(), to_host(port, tensor)?)));
        let inputs = inputs.collect::<Result<_, EngineError>>()?;
        let context = load_by_name(&self.0.name).and_then(|graph| graph.init_execution_context());
        let computed = context.and_then(|context| context.compute(inputs)).map_err(error)?;
        // A host may give them in another order.
        let find = |port: &Port| {
            let found = computed.iter().find(|(name, _)| *name == port.name);
            let (name, tensor) = found
                .ok_or_else(|| EngineError::Failed(format!("there is no output {}", port.name)))?;
            Ok((name.clone(), from_host(port, tensor)?))
        };
        self.0.outputs.iter().map(find).collect()
    }

    fn place(&self) -> &'static str {
        "host"
    }
}

const TYPES: [(Element, TensorType); 6] = [
    (Element::F16, TensorType::Fp16),
    (Element::F32, TensorType::Fp32),
    (Element::F64, TensorType::Fp64),
    (Element::U8, TensorType::U8),
    (Element::I32, TensorType::I32),
    (Element::I64, TensorType::I64),
];

/// A tensor in a type that `wasi:nn` has: the graph casts what it lacks.
fn to_host(port: &Port, tensor: &Tensor) -> Result<NnTensor, EngineError> {
    let tensor = tensor.widened();
    let found = TYPES.iter().find(|(element, _)| *element == tensor.element);
    let (_, host) = found.ok_or_else(|| {
        let (name, element) = (&port.name, tensor.element.name());
        EngineError::Failed(format!("input {name}: wasi:nn has no tensors of {element}"))
    })?;
    let shape: Vec<u32> = tensor.shape.iter().map(|size| *size as u32).collect();
    Ok(NnTensor::new(&shape, *host, &tensor.bytes))
}

fn from_host(port: &Port, tensor: &NnTensor) -> Result<Tensor, EngineError> {
    let (host, shape, name) = (tensor.ty(), tensor.dimensions(), &port.name);
    let found = TYPES.iter().find(|(_, candidate)| *candidate == host);
    let (element, _) =
        *found.ok_or_else(|| EngineError::Failed(format!("output {name} is of {host:?}")))?;
    let shape: Vec<usize> = shape.into_iter().map(|size| size as usize).collect();
    let bytes = tensor.data();
    let volume = Tensor::volume(&shape).and_then(|volume| volume.checked_mul(element.bytes()));
    if volume != Some(bytes.len()) {
        let found = bytes.len();
        return Err(EngineError::Failed(format!("output {name}: {found} bytes for {shape:?}")));
    }
    let tensor = Tensor { element, shape, bytes }.narrowed(port.element);
    tensor.ok_or_else(|| {
        let element = port.element.name();
        EngineError::Failed(format!("output {name} has values that are no {element}"))
    })
}

fn error(error: Error) -> EngineError {
    let data = error.data();
    let later = (error.code() == ErrorCode::RuntimeError).then(|| TryLater::from_data(&data));
    match later.flatten() {
        None => EngineError::Failed(data),
        Some(TryLater { cause, retry_after, reason }) => {
            let later = Later { reason, seconds: retry_after };
            match cause {
                TryLaterCause::Busy => EngineError::Busy(later),
                TryLaterCause::Restarting => EngineError::Unavailable(later),
            }
        }
    }
}
