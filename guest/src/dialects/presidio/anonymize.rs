//! `POST /anonymize` and `POST /deanonymize`.

use std::collections::BTreeMap;

use pilotlight_recognizers::{Candidate, resolve};
use serde::{Deserialize, Serialize};

use super::super::object::{named_objects, objects};
use super::super::route::{Answer, Call};
use super::operators::Operator;
use crate::api::ApiError;
use crate::text::CodePoints;

/// The operator of entities that have none of their own.
const DEFAULT: &str = "DEFAULT";

#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct AnonymizeRequest {
    text: String,
    #[serde(deserialize_with = "objects")]
    analyzer_results: Vec<Analyzed>,
    /// Operators by entity; `DEFAULT` for all others, which are replaced by `<ENTITY>` otherwise.
    #[serde(default, deserialize_with = "named_objects")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<BTreeMap<String, Operator>>"))]
    anonymizers: BTreeMap<String, Operator>,
}

/// An entity; places in code points.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "AnalyzerResult"))]
struct Analyzed {
    start: usize,
    end: usize,
    #[serde(default)]
    score: Option<f32>,
    entity_type: String,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "DeanonymizeRequest")
)]
pub(super) struct RestoreRequest {
    text: String,
    #[serde(deserialize_with = "objects")]
    anonymizer_results: Vec<Analyzed>,
    /// Operators by entity, `DEFAULT` for all others: `decrypt` with its key.
    #[serde(deserialize_with = "named_objects")]
    deanonymizers: BTreeMap<String, Operator>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Anonymized {
    text: String,
    /// What was replaced, from the end of the text to its start; places in the new text.
    items: Vec<Item>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "AnonymizedItem"))]
struct Item {
    start: usize,
    end: usize,
    entity_type: String,
    text: String,
    operator: String,
}

pub(super) fn answer(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let AnonymizeRequest { text, analyzer_results, anonymizers: operators } = call.read()?;
    let default = Operator::of_name("replace");
    Answer::json(&rewrite(&text, analyzer_results, |entity, value| {
        let operator = operators.get(entity).or_else(|| operators.get(DEFAULT)).unwrap_or(&default);
        Ok((operator.apply(entity, value)?, operator.name.clone()))
    })?)
}

pub(super) fn restore(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let RestoreRequest { text, anonymizer_results, deanonymizers } = call.read()?;
    Answer::json(&rewrite(&text, anonymizer_results, |entity, value| {
        let operator = deanonymizers.get(entity).or_else(|| deanonymizers.get(DEFAULT));
        let operator = operator.ok_or_else(|| {
            ApiError::of_key("deanonymizers", format!("deanonymizers has no operator for {entity}"))
        })?;
        Ok((operator.undo(value)?, operator.name.clone()))
    })?)
}

/// Replaces entities, the best where they overlap, by what `operate` gives for entity and value: a text, and
/// the name of the operator.
fn rewrite(
    text: &str,
    entities: Vec<Analyzed>,
    operate: impl Fn(&str, &str) -> Result<(String, String), ApiError>,
) -> Result<Anonymized, ApiError> {
    let points = CodePoints::new(text);
    let candidates = entities.into_iter().map(|entity| entity.candidate(points.len()));
    let candidates = candidates.collect::<Result<Vec<_>, _>>()?;
    let mut written = String::new();
    let (mut position, mut end) = (0, 0);
    let mut items = Vec::new();
    let matters = |start, end| points.slice(start, end).chars().any(char::is_alphanumeric);
    for decision in resolve(candidates, matters) {
        let Candidate { label, start, end: last, .. } = decision.candidate;
        let (replacement, operator) = operate(&label, points.slice(start, last))?;
        written.push_str(points.slice(end, start));
        written.push_str(&replacement);
        let first = position + (start - end);
        (position, end) = (first + replacement.chars().count(), last);
        items.push(Item {
            start: first,
            end: position,
            entity_type: label,
            text: replacement,
            operator,
        });
    }
    written.push_str(points.slice(end, points.len()));
    items.reverse();
    Ok(Anonymized { text: written, items })
}

impl Analyzed {
    fn candidate(self, length: usize) -> Result<Candidate, ApiError> {
        let Self { start, end, score, entity_type } = self;
        if start > end || end > length {
            return Err(ApiError::Invalid(format!(
                "entity {entity_type} at {start}..{end} is outside of the text of {length} code \
                 points"
            )));
        }
        Ok(Candidate::of_model(entity_type, score.unwrap_or(1.0), (start, end)))
    }
}
