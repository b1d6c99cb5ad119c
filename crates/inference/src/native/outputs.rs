//! From matrices and tensors to the outputs of calls.

use pilotlight_onnx::ragged::{Ragged, RaggedOutput};

use super::arena::Arena;
use super::layout::{Layout, Place};
use super::ragged_batch::{RaggedBatch, Sequence};
use crate::buffer::Buffers;
use crate::error::RunError;
use crate::tensor::{Element, Shape, Tensor};

/// The outputs of each call, or why it has none. Rows of padding are zeros.
pub(super) fn of_calls(
    (plan, layout): (&Ragged, &Layout),
    (arena, batch): (&Arena, RaggedBatch),
    calls: &[&[Tensor]],
    buffers: &Buffers,
) -> Vec<Result<Vec<Tensor>, RunError>> {
    let RaggedBatch { sequences, refused, .. } = batch;
    let calls = calls.iter().zip(refused).enumerate();
    let outcome = |(call, (inputs, refused)): (usize, (&&[Tensor], Option<RunError>))| {
        if let Some(refused) = refused {
            return Err(refused);
        }
        let first = sequences.partition_point(|sequence| sequence.call < call);
        let end = sequences.partition_point(|sequence| sequence.call <= call);
        let sequences = &sequences[first..end];
        if let Some(reason) = sequences.iter().find_map(|sequence| sequence.failed.as_ref()) {
            return Err(RunError::Failed(reason.clone()));
        }
        let length = length(inputs);
        let outputs = plan.outputs.iter();
        let outputs = outputs.map(|o| output((o, layout), (arena, sequences), length, buffers));
        outputs.collect::<Result<_, String>>().map_err(RunError::Failed)
    };
    calls.map(outcome).collect()
}

/// The outcomes of calls all of which are refused.
pub(super) fn refused(batch: RaggedBatch) -> Vec<Result<Vec<Tensor>, RunError>> {
    let lost = || RunError::Failed("a call has no texts".to_owned());
    batch.refused.into_iter().map(|refused| Err(refused.unwrap_or_else(lost))).collect()
}

/// Tokens of each text with padding.
fn length(inputs: &[Tensor]) -> usize {
    let lengths = inputs.iter().filter_map(|input| input.shape().sizes().get(1).copied());
    lengths.max().unwrap_or_default() as usize
}

fn output(
    (output, layout): (&RaggedOutput, &Layout),
    (arena, sequences): (&Arena, &[Sequence]),
    length: usize,
    buffers: &Buffers,
) -> Result<Tensor, String> {
    let columns = output.columns.unwrap_or(1);
    let sizes = match (output.per_token, output.columns) {
        (true, Some(columns)) => vec![sequences.len(), length, columns],
        (true, None) => vec![sequences.len(), length],
        (false, _) => vec![sequences.len(), columns],
    };
    let sizes: Vec<u32> = sizes.into_iter().map(|size| size as u32).collect();
    let wrong = |error: crate::error::Error| error.to_string();
    let shape = Shape::new(&sizes).map_err(wrong)?;
    let mut memory = buffers.zeroed(shape.volume() * 4);
    let rows = if output.per_token { length } else { 1 };
    let texts = memory.bytes_mut().chunks_exact_mut(rows * columns * 4);
    for (sequence, text) in sequences.iter().zip(texts) {
        let values = values((output, layout), arena, sequence)?;
        let expected = if output.per_token { sequence.tokens() * columns } else { columns };
        if values.len() != expected {
            let found = values.len();
            return Err(format!("output {}: {found} values, not {expected}", output.name));
        }
        for (bytes, value) in text.as_chunks_mut::<4>().0.iter_mut().zip(values) {
            *bytes = value.to_le_bytes();
        }
    }
    Tensor::from_buffer(Element::F32, shape, memory.freeze()).map_err(wrong)
}

/// The values of an output of a sequence.
fn values<'a>(
    (output, layout): (&RaggedOutput, &Layout),
    arena: &'a Arena,
    sequence: &'a Sequence,
) -> Result<&'a [f32], String> {
    if let Some(Place { slot, width }) = layout.places[output.value.0] {
        return Ok(&arena.slots[slot][sequence.rows.start * width..sequence.rows.end * width]);
    }
    let tensor =
        sequence.loose(output.value).ok_or_else(|| format!("{} is missing", output.name))?;
    let view = tensor.try_as_plain_ram().and_then(|tensor| tensor.as_slice::<f32>());
    view.map_err(|error| format!("output {}: {error:#}", output.name))
}
