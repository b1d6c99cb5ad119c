//! Vectors of texts: `feature-extraction`, `sentence-embeddings` and `sentence-similarity`, with the
//! semantics of `FeatureExtractionPipeline` in Hugging Face `transformers` and of sentence-transformers.

use std::borrow::Cow;
use std::collections::BTreeSet;

use pilotlight_model::Pooling;
use serde::Deserialize;

use super::encode::Truncate;
use super::request::{Answer, OneOrMany, Request, check_count};
use crate::api::ApiError;
use crate::engine::{Matrix, Output, Sequence};
use crate::json::Row;
use crate::model::{TextModel, Usage};

/// Vectors shorter than that are left as they are.
const SHORTEST: f32 = 1e-12;

/// Prompts that every model has, as in sentence-transformers from version 5 on: empty, unless the model
/// says what they are.
const EMPTY_PROMPTS: [&str; 2] = ["document", "query"];

/// How token vectors are computed.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(transform = crate::tasks::schema::truncation)
)]
#[serde(deny_unknown_fields, default)]
pub struct FeatureParameters {
    /// Whether the end of a text that is too long is left out (true) or the text is refused.
    #[serde(alias = "truncation")]
    pub truncate: Truncate,
}

/// How the vectors of texts are computed.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "EmbeddingParameters", transform = crate::tasks::schema::truncation)
)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// Whether vectors are scaled to length 1; what the model says unless given.
    pub normalize: Option<bool>,
    /// Only so many of the first values.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub dimensions: Option<usize>,
    /// Name of one of the model's prompts.
    pub prompt_name: Option<String>,
    /// What stands in front of each text.
    pub prompt: Option<String>,
    /// Whether the end of a text that is too long is left out (true) or the text is refused.
    #[serde(alias = "truncation")]
    pub truncate: Truncate,
}

/// The vectors of a text's tokens, in a list of one: `[1, tokens, columns]`.
type TokenVectors = [Vec<Row<Vec<f32>>>; 1];

/// A text, and others that are compared with it.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SimilarityInputs {
    /// The text.
    pub source_sentence: String,
    /// The others.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub sentences: Vec<String>,
}

/// Vectors of the tokens of each text, special tokens included: `[1, tokens, columns]`.
///
/// # Errors
/// [`ApiError`].
pub fn features(
    model: &TextModel,
    request: Request<OneOrMany<String>, FeatureParameters>,
    usage: &mut Usage,
) -> Result<Answer<TokenVectors>, ApiError> {
    let Request { inputs, parameters, .. } = request;
    let texts = inputs.items(model.manifest.limits.max_inputs)?;
    let outputs = token_vectors(model, texts, parameters.truncate, usage)?;
    let vectors =
        outputs.iter().map(|output| [output.rows().map(|row| Row(row.to_vec())).collect()]);
    Ok(inputs.answer(vectors.collect()))
}

/// The graph's first output that has rows for tokens, for each text, special tokens included:
/// `[tokens, columns]`.
///
/// # Errors
/// [`ApiError`].
pub fn token_vectors(
    model: &TextModel,
    texts: &[String],
    truncate: Truncate,
    usage: &mut Usage,
) -> Result<Vec<Matrix>, ApiError> {
    let sequences = sequences(model, ("", texts), truncate, usage)?;
    model.run_output(model.token_output().unwrap_or_default(), &sequences, usage)
}

/// A vector for each text: `[columns]`.
///
/// # Errors
/// [`ApiError`].
pub fn embeddings(
    model: &TextModel,
    request: Request<OneOrMany<String>, Parameters>,
    usage: &mut Usage,
) -> Result<Answer<Row<Vec<f32>>>, ApiError> {
    let Request { inputs, parameters, .. } = request;
    let texts = inputs.items(model.manifest.limits.max_inputs)?;
    let vectors = embed(model, texts, &parameters, usage)?;
    Ok(inputs.answer(vectors.into_iter().map(Row).collect()))
}

/// How similar each of the sentences is to the source, -1 to 1.
///
/// # Errors
/// [`ApiError`].
pub fn similarity(
    model: &TextModel,
    request: Request<SimilarityInputs, Parameters>,
    usage: &mut Usage,
) -> Result<Vec<f32>, ApiError> {
    let SimilarityInputs { source_sentence, sentences } = request.inputs;
    check_count("sentences", sentences.len(), model.manifest.limits.max_inputs)?;
    let texts: Vec<String> = std::iter::once(source_sentence).chain(sentences).collect();
    let vectors = embed(model, &texts, &request.parameters, usage)?;
    let Some((source, others)) = vectors.split_first() else { return Ok(Vec::new()) };
    Ok(others.iter().map(|other| cosine(source, other)).collect())
}

/// A vector for each text: `[texts, columns]`.
///
/// # Errors
/// [`ApiError`].
pub fn embed(
    model: &TextModel,
    texts: &[String],
    parameters: &Parameters,
    usage: &mut Usage,
) -> Result<Vec<Vec<f32>>, ApiError> {
    let prompt = prompt(model, parameters)?;
    let sequences = sequences(model, (prompt, texts), parameters.truncate, usage)?;
    let outputs = model.run_one(&sequences, usage)?;
    let manifest = &model.manifest;
    let left_out = match manifest.include_prompt {
        Some(false) if !prompt.is_empty() => {
            let tokens = model.tokens(&cased(model, prompt), usage)?;
            model.tokenizer.text_rows(tokens.len()).end
        }
        _ => 0,
    };
    let normalized = parameters.normalize.or(manifest.normalize).unwrap_or(false);
    let vector = |output: &Matrix| {
        let mut vector = match model.output() {
            Some(Output::PerToken) => {
                pool(output, left_out, manifest.pooling.unwrap_or(Pooling::Mean))
            }
            _ => output.row(0).to_vec(),
        };
        vector.truncate(dimensions(parameters, vector.len())?);
        if normalized {
            normalize(&mut vector);
        }
        Ok(vector)
    };
    outputs.iter().map(vector).collect()
}

/// What stands in front of each text: nothing where neither the request nor the model ask for a prompt.
///
/// # Errors
/// [`ApiError::InvalidKey`] for a name that the model does not have.
pub fn prompt<'a>(model: &'a TextModel, parameters: &'a Parameters) -> Result<&'a str, ApiError> {
    let manifest = &model.manifest;
    let name = match (&parameters.prompt, &parameters.prompt_name) {
        (Some(prompt), None) => return Ok(prompt),
        (Some(_), Some(_)) => {
            let message = "send prompt or prompt_name, not both";
            return Err(ApiError::of_key("prompt_name", message));
        }
        (None, name) => name.as_ref().or(manifest.default_prompt.as_ref()),
    };
    let Some(name) = name else { return Ok("") };
    let empty = || EMPTY_PROMPTS.contains(&&name[..]).then_some("");
    manifest.prompts.get(name).map(String::as_str).or_else(empty).ok_or_else(|| {
        let known: Vec<&str> = prompt_names(model).into_iter().collect();
        let known = known.join(", ");
        let message = format!("the model has no prompt {name:?}; it has {known}");
        ApiError::of_key("prompt_name", message)
    })
}

/// The prompts that a request may name.
pub fn prompt_names(model: &TextModel) -> BTreeSet<&str> {
    model.manifest.prompts.keys().map(String::as_str).chain(EMPTY_PROMPTS).collect()
}

fn dimensions(parameters: &Parameters, columns: usize) -> Result<usize, ApiError> {
    match parameters.dimensions {
        None => Ok(columns),
        Some(dimensions) if (1..=columns).contains(&dimensions) => Ok(dimensions),
        Some(dimensions) => {
            let message = format!("dimensions {dimensions} must be from 1 to {columns}");
            Err(ApiError::of_key("dimensions", message))
        }
    }
}

fn sequences(
    model: &TextModel,
    (prompt, texts): (&str, &[String]),
    truncate: Truncate,
    usage: &mut Usage,
) -> Result<Vec<Sequence>, ApiError> {
    let sequence = |text: &String| match prompt {
        "" => model.sequence(&cased(model, text), truncate, usage),
        prompt => model.sequence(&cased(model, &format!("{prompt}{text}")), truncate, usage),
    };
    texts.iter().map(sequence).collect()
}

/// The text in the case that the model reads, as sentence-transformers' `do_lower_case` has it.
fn cased<'a>(model: &TextModel, text: &'a str) -> Cow<'a, str> {
    match model.manifest.lower_case {
        Some(true) => text.to_lowercase().into(),
        _ => text.into(),
    }
}

/// One vector out of those of all tokens but the first `left_out`, special tokens included. The first
/// token stands for the text even where it is left out of the others.
fn pool(tokens: &Matrix, left_out: usize, pooling: Pooling) -> Vec<f32> {
    // A prompt may fill all that the model reads.
    let left_out = left_out.min(tokens.len().saturating_sub(1));
    let rows = || tokens.rows().enumerate().skip(left_out);
    let count = rows().len() as f32;
    // The sum of all vectors, each times its weight, divided by `total`.
    let sum = |weight: fn(usize) -> f32, total: f32| {
        let mut sum = vec![0.0; tokens.columns()];
        for (index, row) in rows() {
            sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value * weight(index));
        }
        sum.iter_mut().for_each(|value| *value /= total);
        sum
    };
    match pooling {
        Pooling::Cls => tokens.row(0).to_vec(),
        Pooling::LastToken => tokens.row(tokens.len().saturating_sub(1)).to_vec(),
        Pooling::Max => {
            let mut largest = vec![f32::NEG_INFINITY; tokens.columns()];
            for (_, row) in rows() {
                largest.iter_mut().zip(row).for_each(|(most, value)| *most = most.max(*value));
            }
            largest
        }
        Pooling::WeightedMean => {
            let weight = |index: usize| index as f32 + 1.0;
            sum(weight, rows().map(|(index, _)| weight(index)).sum())
        }
        Pooling::MeanSqrtLength => sum(|_| 1.0, count.sqrt()),
        _ => sum(|_| 1.0, count),
    }
}

fn normalize(vector: &mut [f32]) {
    let length = dot(vector, vector).sqrt().max(SHORTEST);
    vector.iter_mut().for_each(|value| *value /= length);
}

/// The cosine of the angle between two vectors.
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let lengths = (dot(a, a) * dot(b, b)).sqrt().max(SHORTEST);
    dot(a, b) / lengths
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
