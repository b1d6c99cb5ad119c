use super::padding::Padded;
use super::{Compute, ComputeError, HostGraph, Sequence};
use crate::tensor::Logits;

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
use bindings::wasi::nn::tensor::{Tensor, TensorType};

/// What the host says first when too many computations wait.
const BUSY: &str = "busy:";
const LOGITS: &str = "logits";

/// Inference by the host. Holds no handle of it: a snapshot would carry it into instances that
/// never asked for it.
pub struct NnCompute {
    graph: HostGraph,
    labels: usize,
    longest: usize,
}

impl NnCompute {
    /// Tries out a graph with a sequence of one token.
    ///
    /// # Errors
    /// [`ComputeError`] when the host has no such graph, or it does not label tokens.
    pub fn load(graph: HostGraph, longest: usize) -> Result<Self, ComputeError> {
        graph.check()?;
        let compute = Self { graph, labels: 0, longest };
        let probe = Sequence { ids: vec![0], type_ids: vec![0] };
        let labels = compute.run(&probe)?.labels();
        Ok(Self { labels, ..compute })
    }

    fn run(&self, sequence: &Sequence) -> Result<Logits, ComputeError> {
        let padded = Padded::new(sequence, self.graph.bucket, self.longest);
        let inputs = self.graph.inputs.iter().map(|name| (name.clone(), tensor(&padded, name)));
        let inputs: Vec<_> = inputs.collect();
        let context =
            load_by_name(&self.graph.name).and_then(|graph| graph.init_execution_context());
        let outputs = context.and_then(|context| context.compute(inputs)).map_err(error)?;
        let named = outputs.iter().find(|(name, _)| name == LOGITS).or(outputs.first());
        let (_, output) = named.ok_or_else(|| ComputeError::Failed("no output".into()))?;
        self.logits_of(output, &padded)
    }

    /// The rows of the tokens, without those of the padding.
    fn logits_of(&self, output: &Tensor, padded: &Padded) -> Result<Logits, ComputeError> {
        let (shape, element) = (output.dimensions(), output.ty());
        let columns = match shape[..] {
            [1, tokens, columns] if tokens as usize == padded.length() => columns as usize,
            _ => 0,
        };
        let fits = self.labels == 0 || columns == self.labels;
        if columns == 0 || !fits || element != TensorType::Fp32 {
            return Err(ComputeError::Failed(format!(
                "the output is {shape:?} of {element:?}, not [1, {}, labels] of FP32",
                padded.length()
            )));
        }
        let data = output.data();
        let rows = data.chunks_exact(size_of::<f32>()).take(padded.tokens * columns);
        let values = rows.map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        let logits = Logits::from_values(columns, values.collect());
        let logits = logits.filter(|logits| logits.tokens() == padded.tokens);
        logits.ok_or_else(|| ComputeError::Failed(format!("{} bytes of output", data.len())))
    }
}

fn tensor(padded: &Padded, name: &str) -> Tensor {
    let values = padded.input(name);
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor::new(&[1, padded.length() as u32], TensorType::I64, &bytes)
}

fn error(error: Error) -> ComputeError {
    let message = error.data();
    match error.code() {
        ErrorCode::RuntimeError if message.starts_with(BUSY) => ComputeError::Busy(message),
        _ => ComputeError::Failed(message),
    }
}

impl Compute for NnCompute {
    fn logits(&self, sequence: &Sequence) -> Result<Logits, ComputeError> {
        self.run(sequence)
    }

    fn labels(&self) -> usize {
        self.labels
    }

    fn vocabulary(&self) -> Option<usize> {
        None
    }

    fn place(&self) -> &'static str {
        "host"
    }
}
