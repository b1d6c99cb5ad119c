use super::padding::{Padded, Padding, groups};
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
    padding: Padding,
}

/// Most tokens of a sequence that padding is tried with.
const LONGEST_TRIAL: usize = 64;
/// Differences beyond this, relative to values above one, are no rounding.
const TOLERANCE: f32 = 1e-2;

impl NnCompute {
    /// Tries out a graph with a sequence of one token.
    ///
    /// # Errors
    /// [`ComputeError`] when the host has no such graph, or it does not label tokens.
    pub fn load(graph: HostGraph, longest: usize) -> Result<Self, ComputeError> {
        graph.check()?;
        // What nothing takes out changes the labels of the tokens before it.
        let masked = graph.inputs.iter().any(|name| name == "attention_mask");
        let pad_to_multiple_of = if masked { graph.pad_to_multiple_of } else { 1 };
        let padding =
            Padding { pad_to_multiple_of, longest, fixed: graph.length, first_position: 0 };
        let mut compute = Self { graph, labels: 0, padding };
        let probe = Sequence { ids: vec![0], type_ids: vec![0] };
        compute.labels = compute.logits(&probe)?.labels();
        if !compute.padding_changes_nothing()? {
            compute.padding.pad_to_multiple_of = 1;
        }
        Ok(compute)
    }

    /// Whether sequences of several lengths get the same scores with padding as without it.
    fn padding_changes_nothing(&self) -> Result<bool, ComputeError> {
        let Padding { pad_to_multiple_of, longest, fixed, .. } = self.padding;
        if pad_to_multiple_of <= 1 || fixed.is_some() {
            return Ok(true);
        }
        let long = (longest.min(LONGEST_TRIAL).saturating_sub(1) / pad_to_multiple_of)
            * pad_to_multiple_of
            + 1;
        for tokens in [1, pad_to_multiple_of - 1, long] {
            if !self.padding_changes_none_of(tokens)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn padding_changes_none_of(&self, tokens: usize) -> Result<bool, ComputeError> {
        let vocabulary = self.graph.vocabulary.unwrap_or(2).max(1) as i64;
        let id = |place: usize| (place as i64 * 7919 + 1) % vocabulary;
        let sequence = Sequence { ids: (0..tokens).map(id).collect(), type_ids: vec![0; tokens] };
        let padded = self.padding.pad(&sequence)?;
        if padded.length() == tokens {
            return Ok(true);
        }
        let plain = Padding { pad_to_multiple_of: 1, ..self.padding }.pad(&sequence)?;
        let (alone, padded) = (self.run(&[&plain])?, self.run(&[&padded])?);
        let values = |logits: &[Logits]| -> Vec<f32> {
            logits.iter().flat_map(|logits| logits.rows().flatten().copied()).collect()
        };
        let (alone, padded) = (values(&alone), values(&padded));
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= TOLERANCE * a.abs().max(1.0);
        Ok(alone.len() == padded.len() && alone.iter().zip(&padded).all(near))
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
        let padded = self.padding.pad(sequence)?;
        let logits = self.run(&[&padded])?.pop();
        logits.ok_or_else(|| ComputeError::Failed("no output".into()))
    }

    fn all_logits(&self, sequences: &[Sequence]) -> Result<Vec<Logits>, ComputeError> {
        let padded = sequences.iter().map(|sequence| self.padding.pad(sequence));
        let padded = padded.collect::<Result<Vec<Padded>, _>>()?;
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
        self.graph.vocabulary
    }

    fn number_positions_from(&mut self, first: i64) {
        self.padding.first_position = first;
    }

    fn place(&self) -> &'static str {
        "host"
    }
}
