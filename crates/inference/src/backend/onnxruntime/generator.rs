//! An encoder and an autoregressive decoder, as optimum exports them. The decoder's keys and values stay in the library from
//! step to step and are freed when the call ends.
//! Used by the backend ONNX Runtime. Does not know audio or texts.

mod decoder;

use std::sync::Arc;

use ort::ep::ExecutionProviderDispatch;
use ort::session::Session;

use crate::backend::onnxruntime::call::{self, Names, Value};
use crate::backend::onnxruntime::message::short;
use crate::backend::onnxruntime::runtime::Runtime;
use crate::backend::onnxruntime::session::{Trim, builder, port};
use crate::backend::{Batching, Model};
use crate::buffer::Buffers;
use crate::error::RunError;
use crate::package::Package;
use crate::signature::{Dimension, Port, Signature};
use crate::tensor::{Element, Tensor};
use decoder::Decoder;

type Outcome<T> = Result<T, String>;

/// Parts of the package.
const ENCODER: &str = "encoder";
const DECODER: &str = "decoder";
/// The encoder's inputs and its output.
const VALUES: &str = "input_values";
const MASK: &str = "attention_mask";
/// What a call says beside the encoder's input: i64 `[1]` each.
const START: &str = "start_token";
const END: &str = "end_token";
const MOST: &str = "max_tokens";
/// What a call is answered: i64 `[1, tokens]`, the end token included if it was reached.
const TOKENS: &str = "tokens";
/// Maximum number of tokens of a call.
const MOST_TOKENS: i64 = 4096;
/// What ONNX Runtime's own format has in its bytes 4 to 8.
const ORT_FORMAT: &[u8] = b"ORTM";

/// Both graphs. Greedy: each step takes the token with the largest logit, the first of equal ones.
pub(super) struct Generator {
    encoder: Session,
    encoder_inputs: Names,
    encoder_outputs: Names,
    /// Whether the encoder reads a mask, of ones.
    is_masked: bool,
    decoder: Decoder,
    runtime: Arc<Runtime>,
    signature: Signature,
    /// Dropped after the sessions.
    _trim: Trim,
}

/// What a call asks for.
struct Asked<'a> {
    values: &'a Tensor,
    start: i64,
    end: i64,
    most: i64,
}

impl Generator {
    /// Loads a package with the parts `encoder` and `decoder`.
    pub(super) fn new(
        runtime: &Arc<Runtime>,
        providers: &[ExecutionProviderDispatch],
        file: &[u8],
    ) -> Outcome<Self> {
        let _trim = Trim;
        let package = Package::read(file)?;
        let load = |name: &str| {
            let part = package.part(name).ok_or_else(|| format!("the package has no {name}"))?;
            session(runtime, providers, part).map_err(|reason| format!("{name}: {reason}"))
        };
        let (encoder, decoder) = (load(ENCODER)?, load(DECODER)?);
        let names: Vec<&str> = encoder.inputs().iter().map(|input| input.name()).collect();
        let is_masked = match names[..] {
            [VALUES] => false,
            [VALUES, MASK] => true,
            _ => return Err(format!("the encoder reads {names:?}, not {VALUES} and {MASK}")),
        };
        let encoder_inputs = Names::new(names.into_iter())?;
        let inputs = encoder.inputs().iter().map(port).collect::<Outcome<Vec<Port>>>()?;
        let outputs = encoder.outputs();
        let [output] = outputs else {
            return Err(format!("the encoder has {} outputs, not one", outputs.len()));
        };
        let encoder_outputs = Names::new(std::iter::once(output.name()))?;
        let decoder = Decoder::new(decoder)?;
        let (runtime, signature) = (Arc::clone(runtime), signature(&inputs));
        Ok(Self {
            encoder,
            encoder_inputs,
            encoder_outputs,
            is_masked,
            decoder,
            runtime,
            signature,
            _trim,
        })
    }

    fn generate(&self, inputs: &[Tensor], buffers: &Buffers) -> Outcome<Tensor> {
        let Asked { values, start, end, most } = asked(inputs)?;
        let sizes = values.shape();
        let ones = vec![1i64; sizes.volume()];
        let mask = Value::of_i64(sizes.sizes(), &ones)?;
        // SAFETY: the inputs are borrowed for longer than the value lives, which is an input.
        let values = unsafe { Value::of_input(&self.runtime.memory, values) }?;
        let mut read = vec![&values];
        read.extend(self.is_masked.then_some(&mask));
        let inputs = (&self.encoder_inputs, &read[..]);
        let encoded = call::run(&self.encoder, inputs, (&self.encoder_outputs, vec![None]))?;
        let encoded = encoded.into_iter().next().ok_or("the encoder gave nothing")?;
        let mut steps = self.decoder.begin(&encoded, &mask)?;
        let mut tokens = vec![start];
        while tokens.last() != Some(&end) || tokens.len() == 1 {
            if tokens.len() as i64 > most {
                break;
            }
            tokens.push(steps.next(tokens[tokens.len() - 1])?);
        }
        let bytes: Vec<u8> = tokens[1..].iter().flat_map(|token| token.to_le_bytes()).collect();
        let sizes = [1, (tokens.len() - 1) as u32];
        let tensor = Tensor::copied(buffers, Element::I64, &sizes, &bytes);
        tensor.map_err(|error| error.to_string())
    }
}

impl Model for Generator {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn engine(&self) -> &'static str {
        "onnxruntime"
    }

    fn batching(&self) -> Batching {
        Batching::Alone
    }

    fn run(&self, inputs: &[Tensor], buffers: &Buffers) -> Result<Vec<Tensor>, RunError> {
        let tokens = self.generate(inputs, buffers);
        tokens.map(|tokens| vec![tokens]).map_err(|error| short(&error).into())
    }
}

/// What callers give and get.
fn signature(encoder: &[Port]) -> Signature {
    let number = |name: &str| Port {
        name: name.to_owned(),
        element: Element::I64,
        dimensions: Some(vec![Dimension::Fixed(1)]),
    };
    let values = encoder.iter().take(1).map(|port| Port {
        dimensions: Some(vec![Dimension::Fixed(1), Dimension::Any]),
        ..port.clone()
    });
    let tokens =
        Port { dimensions: Some(vec![Dimension::Fixed(1), Dimension::Any]), ..number(TOKENS) };
    Signature {
        inputs: values.chain([START, END, MOST].map(number)).collect(),
        outputs: vec![tokens],
    }
}

/// Inputs in the order of the signature, which they fit.
fn asked(inputs: &[Tensor]) -> Outcome<Asked<'_>> {
    let number = |tensor: &Tensor| tensor.bytes().try_into().map(i64::from_le_bytes).ok();
    let [values, start, end, most] = inputs else {
        return Err(format!("{} inputs instead of 4", inputs.len()));
    };
    let (Some(start), Some(end), Some(most)) = (number(start), number(end), number(most)) else {
        return Err(format!("{START}, {END} and {MOST} have to be numbers"));
    };
    match (1..=MOST_TOKENS).contains(&most) {
        true => Ok(Asked { values, start, end, most }),
        false => Err(format!("{MOST} {most} must be between 1 and {MOST_TOKENS}")),
    }
}

/// A graph in ONNX's format or in the library's own.
fn session(
    runtime: &Runtime,
    providers: &[ExecutionProviderDispatch],
    file: &[u8],
) -> Outcome<Session> {
    let is_ort = file.get(4..8) == Some(ORT_FORMAT);
    match is_ort {
        true => check_operators(file)?,
        false => drop(super::inspect(&bytes::Bytes::copy_from_slice(file))?),
    }
    let format = if is_ort { "ORT" } else { "ONNX" };
    builder(runtime, providers, format)
        .and_then(|mut builder| builder.commit_from_memory(file))
        .map_err(|error| short(error.message()))
}

/// The library's format has names of operators as they are: one refers to another file.
fn check_operators(file: &[u8]) -> Outcome<()> {
    let name = b"EPContext";
    match file.windows(name.len()).any(|window| window == name) {
        true => Err("EPContext refers to another file, which is refused".to_owned()),
        false => Ok(()),
    }
}
