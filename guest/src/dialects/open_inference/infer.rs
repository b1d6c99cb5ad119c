//! `POST /v2/models/{model}/infer`.

use super::answer::{Output, Values};
use super::request::{Inference, Wanted};
use super::signature::Signature;
use super::{answer, check_model, text};
use crate::api::ApiError;
use crate::dialects::route::{Answer, Call};
use crate::engine::NamedTensor;
use crate::model::Model;
use crate::tasks::tensors::{check_names, compute};

/// Computes the wanted outputs.
pub(super) fn answer(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    check_model(call)?;
    let signature = Signature::of(call.function);
    let Inference { id, inputs, outputs: wanted, binary } =
        Inference::read(call.body, call.target.json_length, &signature)?;
    let known: Vec<&str> = signature.outputs.iter().map(|output| output.name).collect();
    let listed = wanted.iter().flatten().map(|output| &output.name[..]);
    check_names("output", listed, &known)?;
    let outputs = match call.function.model() {
        Model::Text(model) => {
            text::compute(model, (call.function.task(), &signature), inputs, call.usage)?
        }
        Model::Voice(voice) => of_tensors(compute(voice.engine(), &inputs, call.usage)?),
        Model::Speech(speech) => of_tensors(compute(speech.engine(), &inputs, call.usage)?),
        Model::Tensors(model) => of_tensors(compute(model.engine(), &inputs, call.usage)?),
    };
    let outputs = match wanted {
        Some(wanted) => pick(outputs, wanted, &Classes::of(call, &signature))?,
        None => outputs.into_iter().map(|output| (output, binary)).collect(),
    };
    answer::write(call.function.name(), id, &outputs)
}

fn of_tensors(outputs: Vec<NamedTensor>) -> Vec<Output> {
    outputs.into_iter().map(|(name, tensor)| Output::of_tensor(name, tensor)).collect()
}

/// The wanted outputs in the order in which they are wanted, and whether each is in binary.
fn pick(
    mut outputs: Vec<Output>,
    wanted: Vec<Wanted>,
    classes: &Classes<'_>,
) -> Result<Vec<(Output, bool)>, ApiError> {
    let pick = |Wanted { name, binary, classes: most }: Wanted| {
        let place = outputs.iter().position(|output| output.name == name);
        let no_output = || ApiError::Internal(format!("the graph has no output {name}"));
        let output = outputs.swap_remove(place.ok_or_else(no_output)?);
        match most {
            Some(most) => Ok((classes.largest(output, most)?, binary)),
            None => Ok((output, binary)),
        }
    };
    wanted.into_iter().map(pick).collect()
}

/// What Triton's extension for classification needs to know.
struct Classes<'a> {
    /// Whether the largest elements are those of each row.
    of_rows: bool,
    /// Names of the columns.
    labels: &'a [String],
}

impl<'a> Classes<'a> {
    fn of(call: &Call<'a>, signature: &Signature<'_>) -> Self {
        let labels = call.function.model().text().map(|model| model.labels.names());
        Self { of_rows: signature.has_rows, labels: labels.unwrap_or_default() }
    }

    /// The `most` largest elements of an output, or of each of its rows, as strings: `value:index`, or
    /// `value:index:label`.
    fn largest(&self, output: Output, most: usize) -> Result<Output, ApiError> {
        let Output { name, shape, values } = output;
        let refuse =
            || ApiError::Invalid(format!("output {name} has no classes: it has no numbers"));
        let Values::Tensor(tensor) = values else { return Err(refuse()) };
        let numbers = answer::ranked_numbers(&tensor).ok_or_else(refuse)?;
        let rows = if self.of_rows { shape.first().copied().unwrap_or(1) } else { 1 };
        let columns = numbers.len().checked_div(rows).unwrap_or_default();
        let most = most.min(columns);
        let mut strings = Vec::with_capacity(rows * most);
        for row in numbers.chunks_exact(columns.max(1)) {
            let mut order: Vec<usize> = (0..row.len()).collect();
            order.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
            strings.extend(order.into_iter().take(most).map(|index| {
                let label = self.labels.get(index).filter(|_| self.labels.len() == columns);
                let label = label.map(|label| format!(":{label}")).unwrap_or_default();
                format!("{}:{index}{label}", row[index])
            }));
        }
        let shape = if self.of_rows { vec![rows, most] } else { vec![most] };
        Ok(Output { name, shape, values: Values::Strings(strings) })
    }
}
