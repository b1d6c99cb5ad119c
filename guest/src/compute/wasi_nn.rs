use super::padding::{Padded, groups};
use super::{Compute, ComputeError, HostGraph, Sequence};
use crate::api::Later;
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
/// What it says first while the process that computes is being started again.
const RESTARTING: &str = "restarting:";
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
        let labels = compute.logits(&probe)?.labels();
        Ok(Self { labels, ..compute })
    }

    /// Computes sequences that are padded to the same length.
    fn run(&self, rows: &[&Padded]) -> Result<Vec<Logits>, ComputeError> {
        let inputs = self.graph.inputs.iter().map(|name| (name.clone(), tensor(rows, name)));
        let inputs: Vec<_> = inputs.collect();
        let context =
            load_by_name(&self.graph.name).and_then(|graph| graph.init_execution_context());
        let outputs = context.and_then(|context| context.compute(inputs)).map_err(error)?;
        let named = outputs.iter().find(|(name, _)| name == LOGITS).or(outputs.first());
        let (_, output) = named.ok_or_else(|| ComputeError::Failed("no output".into()))?;
        self.logits_of(output, rows)
    }

    /// The scores of the tokens, without those of the padding.
    fn logits_of(&self, output: &Tensor, rows: &[&Padded]) -> Result<Vec<Logits>, ComputeError> {
        let (shape, element) = (output.dimensions(), output.ty());
        let (count, length) = (rows.len(), length(rows));
        let columns = match shape[..] {
            [n, tokens, columns] if n as usize == count && tokens as usize == length => columns,
            _ => 0,
        } as usize;
        let fits = self.labels == 0 || columns == self.labels;
        if columns == 0 || !fits || element != TensorType::Fp32 {
            return Err(ComputeError::Failed(format!(
                "the output is {shape:?} of {element:?}, not [{count}, {length}, labels] of FP32"
            )));
        }
        let data = output.data();
        let parts = data.chunks_exact(length * columns * size_of::<f32>());
        let logits = rows.iter().zip(parts).map(|(row, part)| {
            let values = part.chunks_exact(size_of::<f32>()).take(row.tokens * columns);
            let value = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            Logits::from_values(columns, values.map(value).collect())
        });
        let logits: Option<Vec<Logits>> = logits.collect();
        let whole = logits.filter(|logits| logits.len() == count);
        whole.ok_or_else(|| ComputeError::Failed(format!("{} bytes of output", data.len())))
    }
}

/// Length of rows that have the same.
fn length(rows: &[&Padded]) -> usize {
    rows.first().map_or(0, |row| row.length())
}

fn tensor(rows: &[&Padded], name: &str) -> Tensor {
    let values = rows.iter().flat_map(|row| row.input(name));
    let bytes: Vec<u8> = values.flat_map(|value| value.to_le_bytes()).collect();
    Tensor::new(&[rows.len() as u32, length(rows) as u32], TensorType::I64, &bytes)
}

fn error(error: Error) -> ComputeError {
    let message = error.data();
    match error.code() {
        ErrorCode::RuntimeError if message.starts_with(BUSY) => {
            ComputeError::Busy(Later::told(&message))
        }
        ErrorCode::RuntimeError if message.starts_with(RESTARTING) => {
            ComputeError::Unavailable(Later::told(&message))
        }
        _ => ComputeError::Failed(message),
    }
}

impl Compute for NnCompute {
    fn logits(&self, sequence: &Sequence) -> Result<Logits, ComputeError> {
        let padded = Padded::new(sequence, self.graph.bucket, self.longest);
        let logits = self.run(&[&padded])?.pop();
        logits.ok_or_else(|| ComputeError::Failed("no output".into()))
    }

    fn all_logits(&self, sequences: &[Sequence]) -> Result<Vec<Logits>, ComputeError> {
        let pad = |sequence| Padded::new(sequence, self.graph.bucket, self.longest);
        let padded: Vec<Padded> = sequences.iter().map(pad).collect();
        let mut logits = vec![Logits::new(self.labels); padded.len()];
        for together in groups(&padded, self.graph.rows) {
            let rows: Vec<&Padded> = together.iter().map(|index| &padded[*index]).collect();
            for (index, row) in together.iter().zip(self.run(&rows)?) {
                logits[*index] = row;
            }
        }
        Ok(logits)
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
