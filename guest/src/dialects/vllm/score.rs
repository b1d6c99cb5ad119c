//! `POST /score`: how well texts go with each other, by a cross-encoder, or by the cosine of their
//! vectors.

use pilotlight_model::Task;
use serde::{Deserialize, Serialize};

use super::{Settings, list};
use crate::api::ApiError;
use crate::dialects::input::Documents;
use crate::dialects::object::{Object, read};
use crate::dialects::output::check_finite;
use crate::dialects::route::{Answer, Call, Requires};
use crate::model::{TextModel, Usage};
use crate::tasks::embeddings::{Parameters, cosine, embed};
use crate::tasks::encode::Truncate;
use crate::tasks::request::check_count;
use crate::tasks::reranking;

pub(super) const REQUIRES: Requires = Requires::OneOf(&[Task::Reranking, Task::SentenceSimilarity]);

#[derive(Debug, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(
        transform = crate::tasks::schema::alias("text_1", "data_1, queries"),
        transform = crate::tasks::schema::alias("text_2", "data_2, documents, items")
    )
)]
pub(super) struct ScoreRequest {
    /// One text, or as many as there are of the others.
    #[serde(alias = "data_1", alias = "queries")]
    text_1: Documents,
    #[serde(alias = "data_2", alias = "documents", alias = "items")]
    text_2: Documents,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Score {
    index: usize,
    object: &'static str,
    score: f32,
}

pub(super) fn answer(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let mut body: Object = call.json()?;
    let ScoreRequest { text_1: Documents(first), text_2: Documents(second) } = read(&mut body)?;
    let settings: Settings = read(&mut body)?;
    let model = call.text()?;
    check_count("text_1", first.len(), model.manifest.limits.max_inputs)?;
    check_count("text_2", second.len(), model.manifest.limits.max_inputs)?;
    if first.len() != 1 && first.len() != second.len() {
        return Err(ApiError::Invalid(format!(
            "input lengths must be either 1:1, 1:N or N:N; text_1 has {} texts, text_2 has {}",
            first.len(),
            second.len()
        )));
    }
    let truncate = settings.truncate(model)?;
    let texts = (&first[..], &second[..]);
    let scores = match call.function.tasks().contains(&Task::Reranking) {
        true => by_pairs(model, texts, (settings.raw(), truncate), call.usage)?,
        false => by_vectors(model, texts, truncate, call.usage)?,
    };
    check_finite(&scores)?;
    let score = |(index, score)| Score { index, object: "score", score };
    list(call, "score", scores.into_iter().enumerate().map(score).collect())
}

fn by_pairs(
    model: &TextModel,
    (first, second): (&[String], &[String]),
    how: (bool, Truncate),
    usage: &mut Usage,
) -> Result<Vec<f32>, ApiError> {
    if let [query] = first {
        return reranking::scores(model, (query, second), how, usage);
    }
    let pairs = first.iter().map(String::as_str).zip(second.iter().map(String::as_str));
    reranking::pair_scores(model, &pairs.collect::<Vec<_>>(), how, usage)
}

fn by_vectors(
    model: &TextModel,
    (first, second): (&[String], &[String]),
    truncate: Truncate,
    usage: &mut Usage,
) -> Result<Vec<f32>, ApiError> {
    let texts: Vec<String> = first.iter().chain(second).cloned().collect();
    let parameters = Parameters { truncate, ..Parameters::default() };
    let vectors = embed(model, &texts, &parameters, usage)?;
    let (first, second) = vectors.split_at(first.len());
    // One text goes with each of the others.
    let pairs = first.iter().cycle().zip(second);
    Ok(pairs.map(|(first, second)| cosine(first, second)).collect())
}
