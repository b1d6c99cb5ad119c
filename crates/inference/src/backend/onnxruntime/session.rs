//! A graph in the library: how it is loaded, and how callers run it.

use std::sync::Arc;

use ort::ep::ExecutionProviderDispatch;
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use ort::value::{Outlet, TensorElementType, ValueType};

use crate::backend::onnxruntime::call::{self, Names, Value};
use crate::backend::onnxruntime::message::short;
use crate::backend::onnxruntime::runtime::Runtime;
use crate::backend::{Batching, Model};
use crate::buffer::{BufferMut, Buffers};
use crate::error::RunError;
use crate::signature::{Dimension, Port, Signature};
use crate::tensor::{Element, MOST_DIMENSIONS, Shape, Tensor};

/// An output that is larger is left to the library, which refuses what cannot be had; the
/// allocation of a buffer would end the process.
const LARGEST_PLACED: usize = 1 << 26;

/// The format that files have whose content was looked into.
const ONNX: &str = "ONNX";

type Outcome<T> = Result<T, String>;

/// What a look into the file has found.
pub(super) struct Inspected {
    /// Why rows are not known to be independent, if they are not.
    pub(super) mixes_rows: Option<String>,
    /// Whether products are those of integers.
    pub(super) integers: bool,
}

/// Elements of the first input from which a lone run of a graph in integers gains by the
/// library's threads: tokens, for a text.
const LARGE: usize = 128;

/// A graph, run by any number of threads at once: one session, weights in memory once, or twice
/// where [`Inspected::integers`] says so.
pub(super) struct Loaded {
    session: Session,
    /// Runs on the caller's thread alone, and hands no part of its loops to others: what the
    /// many small operators of a graph in integers lose by that is up to a third of their time.
    single: Option<Session>,
    runtime: Arc<Runtime>,
    signature: Signature,
    mixes_rows: Option<String>,
    input_names: Names,
    output_names: Names,
    /// Dropped after the session.
    _trim: Trim,
}

impl Loaded {
    /// Loads an ONNX file that keeps all its data.
    pub(super) fn new(
        runtime: &Arc<Runtime>,
        providers: &[ExecutionProviderDispatch],
        file: &[u8],
        found: Inspected,
    ) -> Outcome<Self> {
        let _trim = Trim;
        let refuse = |error: ort::Error| short(error.message());
        let session = builder(runtime, providers, ONNX)
            .and_then(|mut builder| builder.commit_from_memory(file))
            .map_err(refuse)?;
        let single = (found.integers && providers.is_empty()).then(|| {
            let alone = builder(runtime, providers, ONNX)?.with_independent_thread_pool()?;
            alone.with_intra_threads(1)?.commit_from_memory(file)
        });
        let single = single.transpose().map_err(refuse)?;
        let ports = |outlets: &[Outlet]| outlets.iter().map(port).collect::<Outcome<Vec<Port>>>();
        let signature =
            Signature { inputs: ports(session.inputs())?, outputs: ports(session.outputs())? };
        let names = |ports: &[Port]| Names::new(ports.iter().map(|port| &port.name[..]));
        let (input_names, output_names) = (names(&signature.inputs)?, names(&signature.outputs)?);
        let runtime = Arc::clone(runtime);
        let mixes_rows = found.mixes_rows;
        Ok(Self {
            session,
            single,
            runtime,
            signature,
            mixes_rows,
            input_names,
            output_names,
            _trim,
        })
    }

    /// The session that suits the inputs, and what else runs.
    fn session(&self, inputs: &[Tensor]) -> &Session {
        let elements = inputs.first().map_or(0, |input| input.shape().volume());
        let few = elements < LARGE || self.runtime.parking.is_shared();
        self.single.as_ref().filter(|_| few).unwrap_or(&self.session)
    }

    /// Memory for an output whose shape follows from those of the inputs.
    fn place(&self, port: &Port, inputs: &[Tensor], buffers: &Buffers) -> Option<Placed> {
        // What is an input, too, the library hands out as it came in.
        if self.signature.inputs.iter().any(|input| input.name == port.name) {
            return None;
        }
        let shape = Shape::new(&self.signature.resolve(port, inputs)?).ok()?;
        let length = shape.volume().checked_mul(port.element.size())?;
        (length <= LARGEST_PLACED).then(|| Placed { shape, memory: buffers.zeroed(length) })
    }

    fn try_run(&self, inputs: &[Tensor], buffers: &Buffers) -> Outcome<Vec<Tensor>> {
        let memory = &self.runtime.memory;
        // SAFETY: the inputs are borrowed for longer than the values live, which are inputs.
        let view = |tensor| unsafe { Value::of_input(memory, tensor) };
        let values = inputs.iter().map(view).collect::<Outcome<Vec<Value>>>()?;
        let ports = &self.signature.outputs;
        let mut placed: Vec<Option<Placed>> =
            ports.iter().map(|port| self.place(port, inputs, buffers)).collect();
        let view = |(placed, port): (&mut Option<Placed>, &Port)| {
            let Some(Placed { shape, memory: bytes }) = placed else { return Ok(None) };
            let bytes = bytes.bytes_mut();
            // SAFETY: the bytes are kept in `placed`, which is next used when the value is gone.
            unsafe { Value::of_output(memory, bytes, port.element, *shape) }.map(Some)
        };
        let wanted = placed.iter_mut().zip(ports).map(view).collect::<Outcome<Vec<_>>>()?;
        let values: Vec<&Value> = values.iter().collect();
        let results = call::run(
            self.session(inputs),
            (&self.input_names, &values),
            (&self.output_names, wanted),
        )?;
        let finished = results.into_iter().zip(placed).zip(ports);
        finished.map(|((value, placed), port)| finish(value, placed, port, buffers)).collect()
    }
}

/// Memory of ours for an output.
struct Placed {
    shape: Shape,
    memory: BufferMut,
}

/// Makes a result a tensor, once it is what it should be.
fn finish(value: Value, placed: Option<Placed>, port: &Port, buffers: &Buffers) -> Outcome<Tensor> {
    let described = value.describe()?;
    let (element, shape) = (described.element, described.shape);
    if element != port.element || placed.as_ref().is_some_and(|placed| placed.shape != shape) {
        return Err(format!("output {} is {shape} of {element}, not {port}", port.name));
    }
    let data = match placed {
        Some(Placed { memory, .. }) => {
            drop(value);
            memory.freeze()
        }
        None => buffers.copied(value.bytes(&described)?),
    };
    Tensor::from_buffer(element, shape, data).map_err(|error| error.to_string())
}

impl Model for Loaded {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn engine(&self) -> &'static str {
        "onnxruntime"
    }

    fn batching(&self) -> Batching {
        if self.mixes_rows.is_none() { Batching::Stacked } else { Batching::Alone }
    }

    fn mixes_rows(&self) -> Option<&str> {
        self.mixes_rows.as_deref()
    }

    fn run(&self, inputs: &[Tensor], buffers: &Buffers) -> Result<Vec<Tensor>, RunError> {
        self.try_run(inputs, buffers).map_err(|error| short(&error).into())
    }
}

/// Options of all sessions; `format` is that of the file.
pub(super) fn builder(
    runtime: &Runtime,
    providers: &[ExecutionProviderDispatch],
    format: &str,
) -> ort::Result<SessionBuilder> {
    let builder = Session::builder(&runtime.environment)?;
    let builder = builder
        .with_execution_providers(providers)?
        // A plan for each shape that ever came would be kept, with a block as large as its run.
        .with_memory_pattern(false)?
        .with_config_entry("session.use_env_allocators", "1")?
        // Weights in the shared arena would keep it from being reused when a graph is unloaded.
        .with_device_allocated_initializers()?
        // Files are looked into for references to other files in the one format that they have.
        .with_config_entry("session.load_model_format", format)?;
    Ok(builder)
}

pub(super) fn port(outlet: &Outlet) -> Outcome<Port> {
    let name = outlet.name().to_owned();
    let ValueType::Tensor { ty, shape, dimension_symbols } = outlet.dtype() else {
        return Err(format!("{name} is {}, not a tensor", outlet.dtype()));
    };
    let element = element(*ty).ok_or_else(|| format!("{name} has the unsupported type {ty:?}"))?;
    if shape.len() > MOST_DIMENSIONS {
        return Err(format!("{name} has {} dimensions", shape.len()));
    }
    let dimension = |(size, symbol): (&i64, &String)| match u32::try_from(*size) {
        Ok(size) => Dimension::Fixed(size),
        // Paddle calls all unknown sizes by this one name.
        Err(_) if symbol.is_empty() || symbol == "?" => Dimension::Any,
        Err(_) => Dimension::Named(symbol.clone()),
    };
    let dimensions = shape.iter().zip(dimension_symbols.iter()).map(dimension).collect();
    // The library says the same of a single number and of what has any number of dimensions.
    Ok(Port { name, element, dimensions: (!shape.is_empty()).then_some(dimensions) })
}

fn element(kind: TensorElementType) -> Option<Element> {
    Some(match kind {
        TensorElementType::Float16 => Element::F16,
        TensorElementType::Float32 => Element::F32,
        TensorElementType::Float64 => Element::F64,
        TensorElementType::Bfloat16 => Element::Bf16,
        TensorElementType::Uint8 => Element::U8,
        TensorElementType::Int32 => Element::I32,
        TensorElementType::Int64 => Element::I64,
        _ => return None,
    })
}

/// Gives free memory back to the system when it is dropped: what loading took, or a graph.
pub(super) struct Trim;

impl Drop for Trim {
    fn drop(&mut self) {
        trim();
    }
}

/// The C library keeps what was freed: after loading, half of the weights' size once more.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn trim() {
    // SAFETY: it takes a number and touches only memory that is free.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn trim() {}
