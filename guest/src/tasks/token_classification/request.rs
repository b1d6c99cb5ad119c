//! Requests for entities and redaction, and what they are answered.

use pilotlight_recognizers::{Beaten, Origin};
use pilotlight_wire::{Object, null_is_default};
use serde::{Deserialize, Deserializer, Serialize, de};

/// Decoding parameters, with the defaults of Hugging Face's hosted inference.
#[derive(Debug, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "TokenClassificationParameters")
)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// How token labels become entities.
    #[serde(deserialize_with = "null_is_default")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Aggregation>"))]
    pub aggregation_strategy: Aggregation,
    /// Labels left out of the answer.
    #[serde(deserialize_with = "ignore_labels")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<String>>"))]
    pub ignore_labels: Vec<String>,
    /// Tokens that neighboring windows of a long text share; a quarter of the window unless given.
    pub stride: Option<usize>,
}

impl Default for Parameters {
    fn default() -> Self {
        let ignore_labels = ignored_labels();
        Self { aggregation_strategy: Aggregation::default(), ignore_labels, stride: None }
    }
}

fn ignored_labels() -> Vec<String> {
    vec!["O".to_owned()]
}

fn ignore_labels<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Option::deserialize(from).map(|labels| labels.unwrap_or_else(ignored_labels))
}

/// How token labels become entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Aggregation {
    /// One entity for each token.
    None,
    /// Neighboring tokens of one label join; a `B-` label starts anew.
    #[default]
    Simple,
    /// A word takes the label of its first token, then as `Simple`.
    First,
    /// A word takes the label with the best mean score, then as `Simple`.
    Average,
    /// A word takes the label of its most certain token, then as `Simple`.
    Max,
}

impl<'de> Deserialize<'de> for Aggregation {
    /// From a string only: what serde derives also takes `{"simple": null}`.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        const NAMES: &[&str] = &["none", "simple", "first", "average", "max"];
        Ok(match &*String::deserialize(from)? {
            "none" => Self::None,
            "simple" => Self::Simple,
            "first" => Self::First,
            "average" => Self::Average,
            "max" => Self::Max,
            other => return Err(de::Error::unknown_variant(other, NAMES)),
        })
    }
}

/// An entity. `entity_group` or, without aggregation, `entity` and `index`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Entity {
    /// Label without its `B-` or `I-`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_group: Option<String>,
    /// Redaction only, if the request asks for it: who found it, and what it was preferred to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
    /// Redaction only: labels of other entities that overlapped this one and were joined with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also_labels: Vec<String>,
    /// Label of a single token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// Probability, 0 to 1.
    pub score: f32,
    /// Place of the token in its sequence, the special token in front counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// The words as the vocabulary spells them.
    pub word: String,
    /// First code point in the text as sent.
    pub start: usize,
    /// One past the last code point.
    pub end: usize,
}

/// `POST /v1/redact`. Unknown keys are refused.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RedactRequest {
    /// The text.
    pub text: String,
    /// What to redact; found by the model unless given.
    #[serde(default, deserialize_with = "spans")]
    pub entities: Option<Vec<Span>>,
    /// What to put in place of an entity; `{label}` stands for its label. `[{label}]` unless given.
    #[serde(default)]
    pub placeholder: Option<String>,
    /// Whether entities say who found them, and what they were preferred to.
    #[serde(default, deserialize_with = "null_is_default")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<bool>"))]
    pub explain: bool,
}

/// Who found an entity, and why it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Explanation {
    /// Who found it.
    pub origin: Origin,
    /// Name of the recognizer, if one found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recognizer: Option<String>,
    /// Whether its checksum is right.
    pub validated: bool,
    /// The word near it that raised the score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// What it was preferred to, best first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub beaten: Vec<Beaten>,
}

/// An entity to redact; the entities that this service answers with are of this form, and
/// whatever else they carry is ignored.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(
        rename = "SpanToRedact",
        transform = crate::tasks::schema::alias("label", "entity_group, entity")
    )
)]
pub struct Span {
    /// The label, with or without `B-` or `I-`.
    #[serde(alias = "entity_group", alias = "entity")]
    pub label: String,
    /// First code point.
    pub start: usize,
    /// One past the last code point.
    pub end: usize,
    /// Probability, 0 to 1.
    #[serde(default = "certain", deserialize_with = "score")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<f32>"))]
    pub score: f32,
}

fn spans<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Span>>, D::Error> {
    let spans = Option::<Vec<Object<Span>>>::deserialize(from)?;
    Ok(spans.map(|spans| spans.into_iter().map(|Object(span)| span).collect()))
}

fn certain() -> f32 {
    1.0
}

fn score<'de, D: Deserializer<'de>>(from: D) -> Result<f32, D::Error> {
    Option::deserialize(from).map(|score| score.unwrap_or_else(certain))
}

/// Answer to [`RedactRequest`].
#[derive(Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Redacted {
    /// The text with a placeholder for each entity.
    pub text: String,
    /// What was replaced, in order, never overlapping; places are those of the text as sent.
    pub entities: Vec<Entity>,
}

impl Redacted {
    /// Labels of what was replaced, those of joined entities included.
    pub fn labels(&self) -> impl Iterator<Item = &String> {
        let entities = self.entities.iter();
        entities.flat_map(|entity| entity.entity_group.iter().chain(&entity.also_labels))
    }
}
