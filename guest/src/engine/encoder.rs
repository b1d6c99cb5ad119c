//! A graph that reads the tokens of texts.

use pilotlight_model::InputRole;

use super::{
    Engine, EngineError, Matrix, NamedTensor, Padded, Padding, Tensor, groups,
    groups_of_any_lengths,
};

/// Token ids and segment ids of one sequence, of the same length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sequence {
    /// Vocabulary indices.
    pub ids: Vec<i64>,
    /// Segment of each token.
    pub type_ids: Vec<i64>,
}

/// What a sequence's output has a row for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// For each token: `[batch, sequence, columns]`, or `[batch, sequence]` with one column.
    PerToken,
    /// For the sequence as a whole: `[batch, columns]`.
    PerText,
}

/// What fills the inputs of a graph from tokens, and takes its outputs apart.
pub struct Encoder {
    engine: Box<dyn Engine>,
    roles: Vec<InputRole>,
    padding: Padding,
    /// Most sequences that are computed at once.
    rows: usize,
    /// Whether they may have different lengths.
    any_lengths: bool,
    outputs: Vec<Output>,
}

/// Most tokens of a sequence that padding is tried with.
const LONGEST_TRIAL: usize = 64;
/// Differences beyond this, relative to values above one, are no rounding.
const TOLERANCE: f32 = 1e-2;

impl Encoder {
    /// Has `engine` compute sequences. Tries it out with one token, and, where texts are to be padded
    /// to multiples, whether padding changes anything.
    ///
    /// # Errors
    /// [`EngineError::Failed`] for an input that is not made from tokens, or outputs that have no row
    /// for each token or sequence.
    pub fn new(
        engine: Box<dyn Engine>,
        padding: Padding,
        (rows, vocabulary): (usize, Option<usize>),
    ) -> Result<Self, EngineError> {
        let roles = roles(&*engine)?;
        let mut encoder =
            Self { engine, roles, padding, rows, any_lengths: false, outputs: Vec::new() };
        // What nothing takes out changes what is computed for the tokens before it.
        if !encoder.roles.contains(&InputRole::Mask) {
            encoder.padding.pad_to_multiple_of = 1;
        }
        encoder.outputs = encoder.shapes()?;
        if !encoder.padding_changes_nothing(vocabulary)? {
            encoder.padding.pad_to_multiple_of = 1;
        }
        Ok(encoder)
    }

    /// The same, with sequences of different lengths at once, if an attention mask takes their padding out.
    #[must_use]
    pub fn of_any_lengths(mut self, any_lengths: bool) -> Self {
        self.any_lengths = any_lengths && self.roles.contains(&InputRole::Mask);
        self
    }

    /// What each output has rows for.
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// Columns of the first output, where the graph tells.
    pub fn columns(&self) -> Option<usize> {
        *self.engine.outputs().first()?.dims.last()?
    }

    /// Where it computes: `guest` or `host`.
    pub fn place(&self) -> &'static str {
        self.engine.place()
    }

    /// The outputs of each sequence, in their order, without the rows of the padding.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn run(&self, sequences: &[Sequence]) -> Result<Vec<Vec<Matrix>>, EngineError> {
        let padded = sequences.iter().map(|sequence| self.padding.pad(sequence));
        let mut padded = padded.collect::<Result<Vec<Padded>, _>>()?;
        let mut outputs = vec![Vec::new(); padded.len()];
        let group = if self.any_lengths { groups_of_any_lengths } else { groups };
        for together in group(&padded, self.rows) {
            let longest = together.iter().map(|index| padded[*index].length()).max();
            for index in &together {
                padded[*index].lengthen(longest.unwrap_or(0));
            }
            let rows: Vec<&Padded> = together.iter().map(|index| &padded[*index]).collect();
            for (index, row) in together.iter().zip(self.compute(&rows)?) {
                outputs[*index] = row;
            }
        }
        Ok(outputs)
    }

    /// Computes sequences that are padded to the same length.
    fn compute(&self, rows: &[&Padded]) -> Result<Vec<Vec<Matrix>>, EngineError> {
        let outputs = self.engine.run(self.inputs(rows))?;
        let mut matrices = vec![Vec::new(); rows.len()];
        for ((name, tensor), output) in outputs.iter().zip(&self.outputs) {
            let values = finite(name, tensor)?;
            let columns = columns(&tensor.shape, *output);
            let whole = values.len() / rows.len().max(1);
            for ((row, part), matrices) in
                rows.iter().zip(values.chunks_exact(whole.max(1))).zip(&mut matrices)
            {
                let kept = match output {
                    Output::PerToken => row.tokens * columns,
                    Output::PerText => columns,
                };
                let matrix = part.get(..kept).map(<[f32]>::to_vec);
                let matrix = matrix.and_then(|values| Matrix::from_values(columns, values));
                matrices.push(matrix.ok_or_else(|| unfit(name, tensor, rows))?);
            }
        }
        Ok(matrices)
    }

    fn inputs(&self, rows: &[&Padded]) -> Vec<Tensor> {
        let (count, length) = (rows.len(), rows.first().map_or(0, |row| row.length()));
        let tensor = |role: &InputRole| match role {
            InputRole::Length => {
                Tensor::of_i64(vec![count], rows.iter().map(|row| row.tokens as i64))
            }
            role => {
                let values = rows.iter().flat_map(|row| row.input(*role)).copied();
                Tensor::of_i64(vec![count, length], values)
            }
        };
        self.roles.iter().map(tensor).collect()
    }

    /// Finds out what the outputs have rows for: a sequence of another length changes the size of those
    /// that have one for each token.
    fn shapes(&self) -> Result<Vec<Output>, EngineError> {
        let run = |tokens: usize| {
            let sequence = Sequence { ids: vec![0; tokens], type_ids: vec![0; tokens] };
            let padded = self.padding.pad(&sequence)?;
            let outputs = self.engine.run(self.inputs(&[&padded]))?;
            Ok::<_, EngineError>((padded.length(), outputs))
        };
        let (length, outputs) = run(1)?;
        let (other, others) = if self.padding.longest > 1 { run(2)? } else { run(1)? };
        let shape = |((name, one), (_, two)): (&NamedTensor, &NamedTensor)| {
            let follows = |shape: &[usize], length| shape.get(1) == Some(&length);
            match (one.shape.len(), two.shape.len()) {
                (2 | 3, 2 | 3) if one.shape[0] != 1 => None,
                (3, 3) if follows(&one.shape, length) && follows(&two.shape, other) => {
                    Some(Output::PerToken)
                }
                (2, 2) if one.shape == two.shape && length != other => Some(Output::PerText),
                (2, 2) if follows(&one.shape, length) && follows(&two.shape, other) => {
                    Some(Output::PerToken)
                }
                (2, 2) => Some(Output::PerText),
                _ => None,
            }
            .ok_or_else(|| {
                EngineError::Failed(format!(
                    "output {name} is {:?} for {length} tokens: it has no row for each token or text",
                    one.shape
                ))
            })
        };
        outputs.iter().zip(&others).map(shape).collect()
    }

    /// Whether sequences of several lengths are computed alike with padding as without it.
    fn padding_changes_nothing(&self, vocabulary: Option<usize>) -> Result<bool, EngineError> {
        let Padding { pad_to_multiple_of, longest, fixed, .. } = self.padding;
        if pad_to_multiple_of <= 1 || fixed.is_some() {
            return Ok(true);
        }
        let whole = longest.min(LONGEST_TRIAL).saturating_sub(1) / pad_to_multiple_of;
        for tokens in [1, pad_to_multiple_of - 1, whole * pad_to_multiple_of + 1] {
            if !self.padding_changes_none_of(tokens, vocabulary.unwrap_or(2).max(1) as i64)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn padding_changes_none_of(&self, tokens: usize, vocabulary: i64) -> Result<bool, EngineError> {
        let id = |place: usize| (place as i64 * 7919 + 1) % vocabulary;
        let sequence = Sequence { ids: (0..tokens).map(id).collect(), type_ids: vec![0; tokens] };
        let padded = self.padding.pad(&sequence)?;
        if padded.length() == tokens {
            return Ok(true);
        }
        let plain = Padding { pad_to_multiple_of: 1, ..self.padding }.pad(&sequence)?;
        let (alone, padded) = (self.compute(&[&plain])?, self.compute(&[&padded])?);
        let values = |outputs: Vec<Vec<Matrix>>| -> Vec<f32> {
            outputs.iter().flatten().flat_map(|matrix| matrix.values().to_vec()).collect()
        };
        let (alone, padded) = (values(alone), values(padded));
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= TOLERANCE * a.abs().max(1.0);
        Ok(alone.len() == padded.len() && alone.iter().zip(&padded).all(near))
    }
}

/// What each input is filled with.
fn roles(engine: &dyn Engine) -> Result<Vec<InputRole>, EngineError> {
    let role = |name: &str| {
        InputRole::of(name).ok_or_else(|| {
            let known = InputRole::ALL.map(|role| role.names()[0]).join(", ");
            EngineError::Failed(format!(
                "input {name} cannot be filled from a text; known are {known}: use the task tensors \
                 for a graph that reads something else"
            ))
        })
    };
    let roles = engine.inputs().iter().map(|input| role(&input.name));
    let roles = roles.collect::<Result<Vec<_>, _>>()?;
    if !roles.contains(&InputRole::Ids) {
        let names = InputRole::Ids.names().join(" or ");
        return Err(EngineError::Failed(format!("the graph has no input named {names}")));
    }
    Ok(roles)
}

fn columns(shape: &[usize], output: Output) -> usize {
    match (output, shape) {
        (Output::PerToken, [_, _, columns]) | (Output::PerText, [_, columns]) => *columns,
        _ => 1,
    }
}

fn finite(name: &str, tensor: &Tensor) -> Result<Vec<f32>, EngineError> {
    let values = tensor.f32s().ok_or_else(|| {
        let element = tensor.element.name();
        EngineError::Failed(format!("output {name} is of {element}, not of FP32"))
    })?;
    if values.iter().all(|value| value.is_finite()) {
        return Ok(values);
    }
    Err(EngineError::Failed(format!("output {name} has values that are not numbers")))
}

fn unfit(name: &str, tensor: &Tensor, rows: &[&Padded]) -> EngineError {
    let (count, length) = (rows.len(), rows.first().map_or(0, |row| row.length()));
    let shape = &tensor.shape;
    EngineError::Failed(format!(
        "output {name} is {shape:?}, which does not fit {count} texts of {length} tokens"
    ))
}
