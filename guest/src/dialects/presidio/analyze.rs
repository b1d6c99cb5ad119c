//! `POST /analyze`.

use std::collections::BTreeSet;

use pilotlight_recognizers::{
    Candidate, Decision, DenyList, Origin, OwnPattern, RecognizerOptions, Recognizers,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::object::optional_objects;
use super::super::route::{Answer, Call};
use super::{entities, supported};
use crate::api::ApiError;
use crate::model::{TextModel, Usage};
use crate::tasks::request::{OneOrMany, check_count};
use crate::tasks::token_classification::Query;
use crate::text::CodePoints;

/// Most recognizers of a request.
const MOST_RECOGNIZERS: usize = 32;

/// A request. Language and correlation id are of no effect: recognizers and model are for all languages that
/// they read.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct AnalyzeRequest {
    text: OneOrMany<String>,
    /// Entities that are searched for; all unless given.
    #[serde(default)]
    entities: Option<Vec<String>>,
    /// Least score of an entity; that of the model folder unless given.
    #[serde(default)]
    score_threshold: Option<f32>,
    /// Whether entities say who found them and why.
    #[serde(default)]
    return_decision_process: Option<bool>,
    /// Recognizers for this request.
    #[serde(default, deserialize_with = "optional_objects")]
    ad_hoc_recognizers: Option<Vec<AdHoc>>,
    /// Words that count as context of every finding.
    #[serde(default)]
    context: Option<Vec<String>>,
    /// Values that are not found.
    #[serde(default)]
    allow_list: Option<Vec<String>>,
    /// `exact`, unless given, or `regex`.
    #[serde(default)]
    allow_list_match: Option<String>,
}

/// A recognizer of a request.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "AdHocRecognizer"))]
struct AdHoc {
    #[serde(default)]
    name: Option<String>,
    supported_entity: String,
    #[serde(default, deserialize_with = "optional_objects")]
    patterns: Option<Vec<Pattern>>,
    #[serde(default)]
    context: Option<Vec<String>>,
    #[serde(default)]
    deny_list: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "AdHocPattern"))]
struct Pattern {
    #[serde(default)]
    name: Option<String>,
    regex: String,
    score: f32,
}

/// An entity; places in code points.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "AnalyzedEntity"))]
pub(super) struct Found {
    entity_type: String,
    start: usize,
    end: usize,
    score: f32,
    #[cfg_attr(feature = "schema", schemars(with = "Option<serde_json::Map<String, Value>>"))]
    analysis_explanation: Option<Value>,
}

pub(super) fn answer(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let request: AnalyzeRequest = call.read()?;
    let model = call.text()?;
    let texts = request.text.items(model.manifest.limits.max_inputs)?;
    let added = request.recognizers()?;
    request.check_entities(model, &added)?;
    let find = |text: &String| request.find(model, text, &added, call.usage);
    let answers = texts.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    Answer::json(&request.text.answer(answers))
}

impl AnalyzeRequest {
    /// What the request itself recognizes and allows.
    fn recognizers(&self) -> Result<Recognizers, ApiError> {
        let mut options =
            RecognizerOptions { labels: Some(BTreeSet::new()), ..RecognizerOptions::default() };
        let added = self.ad_hoc_recognizers.as_deref().unwrap_or_default();
        if !added.is_empty() {
            check_count("ad_hoc_recognizers", added.len(), MOST_RECOGNIZERS)?;
        }
        for (index, one) in added.iter().enumerate() {
            one.add(index, &mut options);
        }
        let allowed = self.allow_list.clone().unwrap_or_default();
        match self.allow_list_match.as_deref() {
            None | Some("exact") => options.allow = allowed,
            Some("regex") => {
                options.allow_patterns = allowed.iter().map(|regex| python(regex)).collect();
            }
            Some(other) => {
                let message = format!("allow_list_match {other:?} is neither exact nor regex");
                return Err(ApiError::of_key("allow_list_match", message));
            }
        }
        Recognizers::new(&options)
            .map_err(|error| ApiError::of_key("ad_hoc_recognizers", error.to_string()))
    }

    /// Refuses entities that nothing finds: the caller would take a text for free of them.
    fn check_entities(&self, model: &TextModel, added: &Recognizers) -> Result<(), ApiError> {
        let known = supported(model);
        let added = added.labels();
        let is_known =
            |entity: &&String| known.contains(*entity) || added.contains(entity.as_str());
        match self.entities.iter().flatten().find(|entity| !is_known(entity)) {
            Some(entity) => {
                let message = format!("no recognizer finds {entity:?}; see GET /supportedentities");
                Err(ApiError::of_key("entities", message))
            }
            None => Ok(()),
        }
    }

    fn find(
        &self,
        model: &TextModel,
        text: &str,
        added: &Recognizers,
        usage: &mut Usage,
    ) -> Result<Vec<Found>, ApiError> {
        let listed = self.entities.as_deref().filter(|entities| !entities.is_empty());
        let wants = |label: &str| {
            let entity = entities::of_label(label);
            listed.is_none_or(|entities| entities.iter().any(|listed| listed == entity))
        };
        let reaches = |candidate: &Candidate, _: &str| match self.score_threshold {
            Some(least) => candidate.score >= least,
            None => model.reaches(candidate),
        };
        let context = self.context.as_deref().unwrap_or_default();
        let query =
            Query { context, added: Some(added), labels: Some(&wants), counts: Some(&reaches) };
        let mut found = self.entities_of(text, model.find_entities(text, &query, usage)?);
        found.sort_by(|one, other| {
            other.score.total_cmp(&one.score).then(one.start.cmp(&other.start))
        });
        Ok(found)
    }

    /// Decisions as Presidio tells them: a given name and a surname beside each other are one person.
    fn entities_of(&self, text: &str, decisions: Vec<Decision>) -> Vec<Found> {
        let points = CodePoints::new(text);
        let explains = self.return_decision_process == Some(true);
        let mut found: Vec<Found> = Vec::new();
        for decision in decisions {
            let explanation = explains.then(|| explanation(&decision));
            let Candidate { label, score, start, end, .. } = decision.candidate;
            let entity = entities::of_label(&label);
            match found.last_mut() {
                Some(last)
                    if last.entity_type == entity
                        && entities::joins(entity, points.slice(last.end, start)) =>
                {
                    last.end = end;
                    last.score = last.score.max(score);
                }
                _ => found.push(Found {
                    entity_type: entity.to_owned(),
                    start,
                    end,
                    score,
                    analysis_explanation: explanation,
                }),
            }
        }
        found
    }
}

impl AdHoc {
    fn add(&self, index: usize, options: &mut RecognizerOptions) {
        let label = &self.supported_entity;
        let name = self.name.as_deref().unwrap_or("ad hoc");
        for (place, pattern) in self.patterns.iter().flatten().enumerate() {
            let own = pattern.name.as_deref().unwrap_or_default();
            options.patterns.push(OwnPattern {
                name: format!("{name} {own} {index}.{place}"),
                label: label.clone(),
                pattern: python(&pattern.regex),
                score: pattern.score,
                context: self.context.clone().unwrap_or_default(),
            });
        }
        if let Some(terms) = self.deny_list.clone().filter(|terms| !terms.is_empty()) {
            options.deny.push(DenyList { label: label.clone(), terms });
        }
    }
}

/// A pattern with the flags that Presidio uses unless told.
fn python(regex: &str) -> String {
    format!("(?ims:{regex})")
}

fn explanation(decision: &Decision) -> Value {
    let Candidate { score, origin, validated, recognizer, context, .. } = &decision.candidate;
    let name = match origin {
        Origin::Model => "model",
        Origin::Recognizer => recognizer.as_deref().unwrap_or_default(),
    };
    json!({
        "recognizer": name,
        "pattern_name": recognizer,
        "pattern": null,
        "original_score": score,
        "score": score,
        "textual_explanation": null,
        "score_context_improvement": 0,
        "supportive_context_word": context.as_deref().unwrap_or_default(),
        "validation_result": validated.then_some(true),
        "beaten": decision.beaten,
    })
}
