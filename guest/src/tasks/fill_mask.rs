//! Tokens that could stand in a gap, with the semantics of `FillMaskPipeline` in Hugging Face
//! `transformers`.

use serde::{Deserialize, Serialize};

use super::encode::Truncate;
use super::request::{Answer, OneOrMany, Request, strings};
use super::scores::{ranked, softmax};
use crate::api::ApiError;
use crate::engine::{Matrix, Sequence};
use crate::model::{TextModel, Usage};

/// Candidates for a gap unless the request says how many.
const TOP_K: usize = 5;

/// How a request is to be answered.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "FillMaskParameters", transform = crate::tasks::schema::truncation)
)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// So many candidates for each gap; five unless given.
    pub top_k: Option<usize>,
    /// The only candidates; of a word that is no token its first one.
    #[serde(deserialize_with = "strings")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<OneOrMany<String>>"))]
    pub targets: Option<Vec<String>>,
    /// Whether the end of a text that is too long is left out (true) or the text is refused.
    #[serde(alias = "truncation")]
    pub truncate: Truncate,
}

/// A candidate.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Candidate {
    /// Probability.
    pub score: f32,
    /// Its id.
    pub token: u32,
    /// Its text.
    pub token_str: String,
    /// The text with it in the gap.
    pub sequence: String,
}

/// Candidates of the only gap, or of each.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(untagged)]
pub enum Candidates {
    /// Of the only gap.
    One(Vec<Candidate>),
    /// Of each gap.
    Many(Vec<Vec<Candidate>>),
}

/// Answers a request.
///
/// # Errors
/// [`ApiError`].
pub fn answer(
    model: &TextModel,
    request: Request<OneOrMany<String>, Parameters>,
    usage: &mut Usage,
) -> Result<Answer<Candidates>, ApiError> {
    let Request { inputs, parameters, .. } = request;
    let texts = inputs.items(model.manifest.limits.max_inputs)?;
    let mask = mask(model)?;
    let targets = parameters.targets.as_deref();
    let targets = targets.map(|targets| target_ids(model, targets, usage)).transpose()?;
    let mut sequences = Vec::with_capacity(texts.len());
    for text in texts {
        let sequence = model.sequence(text, parameters.truncate, usage)?;
        if !sequence.ids.contains(&i64::from(mask.1)) {
            let message = format!("{} is not in the text, or behind what the model reads", mask.0);
            return Err(ApiError::Invalid(message));
        }
        sequences.push(sequence);
    }
    let outputs = model.run_one(&sequences, usage)?;
    let top_k = parameters.top_k.unwrap_or(TOP_K);
    let gaps = Gaps { model, mask: mask.1, targets: targets.as_deref(), top_k };
    let answers =
        sequences.iter().zip(&outputs).map(|(sequence, output)| gaps.fill(sequence, output));
    Ok(inputs.answer(answers.collect::<Result<Vec<_>, _>>()?))
}

/// The token that stands for a gap, and its id.
fn mask(model: &TextModel) -> Result<(&str, u32), ApiError> {
    let mask = model.mask_token.as_deref().unwrap_or_default();
    let id = model.tokenizer.id(mask);
    let id = id.ok_or_else(|| ApiError::Internal("the tokenizer has no mask token".to_owned()))?;
    Ok((mask, id))
}

fn target_ids(
    model: &TextModel,
    targets: &[String],
    usage: &mut Usage,
) -> Result<Vec<u32>, ApiError> {
    let mut ids = Vec::new();
    for target in targets {
        let id = match model.tokenizer.id(target) {
            Some(id) => Some(id),
            None => model.tokens(target, usage)?.first().map(|token| token.id),
        };
        ids.extend(id);
    }
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Err(ApiError::Invalid("targets has no text that is a token".to_owned()));
    }
    Ok(ids)
}

struct Gaps<'a> {
    model: &'a TextModel,
    mask: u32,
    targets: Option<&'a [u32]>,
    top_k: usize,
}

impl Gaps<'_> {
    fn fill(&self, sequence: &Sequence, output: &Matrix) -> Result<Candidates, ApiError> {
        let ids: Vec<u32> = sequence.ids.iter().map(|id| *id as u32).collect();
        let gaps: Vec<usize> = (0..ids.len()).filter(|place| ids[*place] == self.mask).collect();
        let only = gaps.len() == 1;
        let filled = gaps.iter().map(|gap| self.candidates((&ids, *gap), output.row(*gap), only));
        let mut filled = filled.collect::<Result<Vec<_>, _>>()?;
        Ok(match only {
            true => Candidates::One(filled.remove(0)),
            false => Candidates::Many(filled),
        })
    }

    fn candidates(
        &self,
        (ids, gap): (&[u32], usize),
        logits: &[f32],
        only: bool,
    ) -> Result<Vec<Candidate>, ApiError> {
        let probabilities = softmax(logits);
        let known = |id: &u32| probabilities.get(*id as usize).map(|score| (*id, *score));
        let candidates: Vec<(u32, f32)> = match self.targets {
            Some(targets) => targets.iter().filter_map(known).collect(),
            None => (0u32..).zip(probabilities.iter().copied()).collect(),
        };
        let scores: Vec<f32> = candidates.iter().map(|candidate| candidate.1).collect();
        let tokenizer = &self.model.tokenizer;
        let decode = |ids: &[u32], skip_special| {
            let decoded = tokenizer.decode_ids(ids, skip_special);
            decoded.map_err(|error| ApiError::Internal(error.to_string()))
        };
        let candidate = |place: usize| {
            let (token, score) = candidates[place];
            let mut filled = ids.to_vec();
            filled[gap] = token;
            Ok(Candidate {
                score,
                token,
                token_str: decode(&[token], false)?,
                sequence: decode(&filled, only)?,
            })
        };
        ranked(&scores).into_iter().take(self.top_k).map(candidate).collect()
    }
}
