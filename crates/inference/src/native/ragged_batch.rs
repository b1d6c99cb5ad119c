//! From calls to sequences: padding is cut off, and the rows of all tokens are numbered.

use std::ops::Range;
use std::sync::Arc;

use pilotlight_model::InputRole;
use pilotlight_onnx::ragged::{Ragged, ValueId};
use tract_core::internal::{Tensor as TractTensor, tensor1};

use crate::error::RunError;
use crate::tensor::Tensor;

/// The sequences of a batch.
pub(super) struct RaggedBatch {
    pub(super) sequences: Vec<Sequence>,
    /// Rows of all sequences together.
    pub(super) rows: usize,
    /// Why a call is refused, if it is.
    pub(super) refused: Vec<Option<RunError>>,
}

/// A text of a call.
pub(super) struct Sequence {
    pub(super) call: usize,
    /// The rows that its tokens have in a matrix.
    pub(super) rows: Range<usize>,
    /// Its values that are no rows.
    pub(super) loose: Vec<Option<Arc<TractTensor>>>,
    /// Why it could not be computed, if it could not.
    pub(super) failed: Option<String>,
}

impl RaggedBatch {
    /// The sequences of `calls`, each with inputs in the order of `plan`'s. `used` are the inputs that are read.
    pub(super) fn new(plan: &Ragged, used: &[bool], calls: &[&[Tensor]]) -> Self {
        let mut batch = Self { sequences: Vec::new(), rows: 0, refused: Vec::new() };
        for (call, inputs) in calls.iter().enumerate() {
            let (sequences, rows) = (batch.sequences.len(), batch.rows);
            let added = batch.add(plan, used, call, inputs);
            if added.is_err() {
                batch.sequences.truncate(sequences);
                batch.rows = rows;
            }
            batch.refused.push(added.err().map(RunError::Failed));
        }
        batch
    }

    fn add(
        &mut self,
        plan: &Ragged,
        used: &[bool],
        call: usize,
        inputs: &[Tensor],
    ) -> Result<(), String> {
        let (batch, length) = sizes(plan, inputs)?;
        for row in 0..batch {
            let tokens = tokens(plan, inputs, row, length)?;
            let mut loose = vec![None; plan.values.len()];
            for (index, (input, tensor)) in plan.inputs.iter().zip(inputs).enumerate() {
                if input.role == InputRole::Length {
                    loose[index] = used[index].then(|| tensor1(&[tokens as i64]).into());
                    continue;
                }
                let ids = &row_of(tensor, row, length)[..tokens * 8];
                if input.role == InputRole::Ids {
                    check_ids(plan, &input.port.name, ids)?;
                }
                if used[index] {
                    let ids: Vec<i64> = numbers(ids).collect();
                    let tensor = TractTensor::from_shape(&[1, tokens], &ids);
                    loose[index] = Some(tensor.map_err(|error| error.to_string())?.into());
                }
            }
            let rows = self.rows..self.rows + tokens;
            self.rows = rows.end;
            self.sequences.push(Sequence { call, rows, loose, failed: None });
        }
        Ok(())
    }
}

impl Sequence {
    pub(super) fn tokens(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn loose(&self, value: ValueId) -> Option<&Arc<TractTensor>> {
        self.loose.get(value.0)?.as_ref()
    }
}

/// Tokens of each row of a call without padding; 1 where a row will be refused.
pub(super) fn tokens_of_rows(plan: &Ragged, inputs: &[Tensor]) -> Vec<u32> {
    let Ok((batch, length)) = sizes(plan, inputs) else { return vec![1] };
    let tokens = (0..batch).map(|row| tokens(plan, inputs, row, length).unwrap_or(1) as u32);
    tokens.collect()
}

/// Texts of a call, and tokens of each with padding.
fn sizes(plan: &Ragged, inputs: &[Tensor]) -> Result<(usize, usize), String> {
    let ids = plan.inputs.iter().zip(inputs).find(|(input, _)| input.role == InputRole::Ids);
    let shape = ids.map(|(_, tensor)| tensor.shape()).ok_or("token ids are missing")?;
    let &[batch, length] = shape.sizes() else { return Err(format!("token ids of shape {shape}")) };
    for (input, tensor) in plan.inputs.iter().zip(inputs) {
        let expected: &[u32] =
            if input.role == InputRole::Length { &[batch] } else { &[batch, length] };
        if tensor.shape().sizes() != expected {
            let (name, found) = (&input.port.name, tensor.shape());
            return Err(format!("{name} is of shape {found} beside token ids of {shape}"));
        }
    }
    match plan.length {
        Some(fixed) if fixed != length as usize => {
            Err(format!("{length} tokens where the graph takes {fixed}"))
        }
        _ => Ok((batch as usize, length as usize)),
    }
}

/// Tokens of a text without padding.
fn tokens(plan: &Ragged, inputs: &[Tensor], row: usize, length: usize) -> Result<usize, String> {
    if plan.length.is_some() {
        return Ok(length);
    }
    let with_role = |role| plan.inputs.iter().zip(inputs).find(|(input, _)| input.role == role);
    if let Some((input, mask)) = with_role(InputRole::Mask) {
        let mask = row_of(mask, row, length);
        let tokens = numbers(mask).take_while(|kept| *kept == 1).count();
        let name = &input.port.name;
        if tokens == 0 {
            return Err(format!(
                "{name}: row {row} begins with padding; native requires padding at the end"
            ));
        }
        if numbers(&mask[tokens * 8..]).any(|kept| kept != 0) {
            return Err(format!(
                "{name}: row {row} is not ones and then zeros; use --backend tract"
            ));
        }
        return Ok(tokens);
    }
    let Some((input, lengths)) = with_role(InputRole::Length) else { return Ok(length) };
    let tokens = numbers(row_of(lengths, row, 1)).next().unwrap_or_default();
    let fits = usize::try_from(tokens).ok().filter(|tokens| (1..=length).contains(tokens));
    let name = &input.port.name;
    fits.ok_or_else(|| format!("{name}: row {row} has {tokens} tokens of {length}"))
}

fn check_ids(plan: &Ragged, name: &str, ids: &[u8]) -> Result<(), String> {
    let Some(vocabulary) = plan.vocabulary else { return Ok(()) };
    let known = |id: &i64| usize::try_from(*id).is_ok_and(|id| id < vocabulary);
    match numbers(ids).find(|id| !known(id)) {
        Some(id) => Err(format!("{name}: token id {id} is not below {vocabulary}")),
        None => Ok(()),
    }
}

/// A row of a tensor of i64.
fn row_of(tensor: &Tensor, row: usize, length: usize) -> &[u8] {
    tensor.bytes().get(row * length * 8..(row + 1) * length * 8).unwrap_or_default()
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = i64> {
    bytes.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes))
}
