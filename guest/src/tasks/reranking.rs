//! How well texts answer a query, by a cross-encoder: sentence-transformers' `CrossEncoder.rank`.

use pilotlight_model::{Activation, ProblemType};
use serde::{Deserialize, Serialize};

use super::encode::Truncate;
use super::request::{Request, check_count};
use super::scores::{ranked, sigmoid};
use crate::api::ApiError;
use crate::engine::{Matrix, Sequence};
use crate::model::{TextModel, Usage};

/// A query and texts.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "RerankInputs"))]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// The query.
    pub query: String,
    /// What may answer it.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub texts: Vec<String>,
}

/// How a request is to be answered.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "RerankParameters", transform = crate::tasks::schema::truncation)
)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// The model's outputs as they are, instead of 0 to 1; what the model says unless given.
    pub raw_scores: Option<bool>,
    /// Whether the answer repeats the texts.
    pub return_text: Option<bool>,
    /// Only so many of the best.
    pub top_k: Option<usize>,
    /// Whether the ends of texts that are too long are left out (true) or the request is refused.
    #[serde(alias = "truncation")]
    pub truncate: Truncate,
}

/// A text and its score.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rank {
    /// Its place in the request, from 0.
    pub index: usize,
    /// How well it answers.
    pub score: f32,
    /// The text, if wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Ranks texts, best first.
///
/// # Errors
/// [`ApiError`].
pub fn answer(
    model: &TextModel,
    request: Request<Inputs, Parameters>,
    usage: &mut Usage,
) -> Result<Vec<Rank>, ApiError> {
    let Request { inputs: Inputs { query, texts }, parameters, .. } = request;
    let is_raw = model.manifest.activation == Some(Activation::Identity);
    let raw = parameters.raw_scores.unwrap_or(is_raw);
    let scores = scores(model, (&query, &texts), (raw, parameters.truncate), usage)?;
    let returned = parameters.return_text.unwrap_or(false);
    let rank = |index: usize| Rank {
        index,
        score: scores[index],
        text: returned.then(|| texts[index].clone()),
    };
    let most = parameters.top_k.unwrap_or(usize::MAX);
    Ok(ranked(&scores).into_iter().take(most).map(rank).collect())
}

/// How well each text answers the query, in their order; the model's outputs as they are if `raw`.
///
/// # Errors
/// [`ApiError`].
pub fn scores(
    model: &TextModel,
    (query, texts): (&str, &[String]),
    (raw, truncate): (bool, Truncate),
    usage: &mut Usage,
) -> Result<Vec<f32>, ApiError> {
    check_count("texts", texts.len(), model.manifest.limits.max_inputs)?;
    let query = model.tokens(query, usage)?;
    let sequence = |text: &String| -> Result<Sequence, ApiError> {
        let text = model.tokens(text, usage)?;
        model.pair_sequence((&query, &text), truncate)
    };
    let sequences = texts.iter().map(sequence).collect::<Result<Vec<_>, _>>()?;
    score(model, &sequences, raw, usage)
}

/// How well the second text of each pair answers the first one; the model's outputs as they are if `raw`.
///
/// # Errors
/// [`ApiError`].
pub fn pair_scores(
    model: &TextModel,
    pairs: &[(&str, &str)],
    (raw, truncate): (bool, Truncate),
    usage: &mut Usage,
) -> Result<Vec<f32>, ApiError> {
    let sequence = |(query, text): &(&str, &str)| -> Result<Sequence, ApiError> {
        let (query, text) = (model.tokens(query, usage)?, model.tokens(text, usage)?);
        model.pair_sequence((&query, &text), truncate)
    };
    let sequences = pairs.iter().map(sequence).collect::<Result<Vec<_>, _>>()?;
    score(model, &sequences, raw, usage)
}

fn score(
    model: &TextModel,
    sequences: &[Sequence],
    raw: bool,
    usage: &mut Usage,
) -> Result<Vec<f32>, ApiError> {
    let outputs = model.run_one(sequences, usage)?;
    let raw = raw || model.manifest.problem_type == Some(ProblemType::Regression);
    let score = |score: f32| if raw { score } else { sigmoid(score) };
    let first = |output: &Matrix| output.row(0).first().copied().map_or(0.0, score);
    Ok(outputs.iter().map(first).collect())
}
