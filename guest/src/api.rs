//! What is asked and answered over HTTP: request and response types, and errors.

use std::fmt;

use pilotlight_wire::{JsonError, Object, UnsupportedCoding, null_is_default, parse_json};
use serde::de::{self, DeserializeOwned, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// `POST /v1/token-classification`: Hugging Face's inference request. Unknown keys are refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifyRequest {
    /// The texts.
    pub inputs: Inputs,
    /// How to decode; null is the default, as for each optional key.
    #[serde(default, deserialize_with = "parameters")]
    pub parameters: Parameters,
    /// `wait_for_model` and the like, which clients of hosted inference send; of no effect.
    #[serde(default)]
    #[allow(dead_code, reason = "accepted and ignored")]
    options: Option<IgnoredAny>,
}

/// One text, answered by a list of entities, or many, answered by a list of such lists.
#[derive(Debug, PartialEq, Eq)]
pub enum Inputs {
    /// `"…"`
    One(String),
    /// `["…", …]`
    Many(Vec<String>),
}

impl<'de> Deserialize<'de> for Inputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InputsVisitor;
        impl<'de> Visitor<'de> for InputsVisitor {
            type Value = Inputs;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Inputs, E> {
                Ok(Inputs::One(text.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Inputs, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(Inputs::Many(texts))
            }
        }
        deserializer.deserialize_any(InputsVisitor)
    }
}

/// Decoding parameters, with the defaults of Hugging Face's hosted inference.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// How token labels become entities.
    #[serde(deserialize_with = "null_is_default")]
    pub aggregation_strategy: Aggregation,
    /// Labels left out of the answer.
    #[serde(deserialize_with = "ignore_labels")]
    pub ignore_labels: Vec<String>,
    /// Tokens that neighbouring windows of a long text share; a quarter of the window unless given.
    pub stride: Option<usize>,
}

impl Default for Parameters {
    fn default() -> Self {
        let ignore_labels = ignored_labels();
        Self { aggregation_strategy: Aggregation::default(), ignore_labels, stride: None }
    }
}

fn parameters<'de, D: Deserializer<'de>>(from: D) -> Result<Parameters, D::Error> {
    null_is_default(from).map(|Object(parameters)| parameters)
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
    /// Neighbouring tokens of one label join; a `B-` label starts anew.
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
pub struct Entity {
    /// Label without its `B-` or `I-`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_group: Option<String>,
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
}

/// An entity to redact; the entities that this service answers with are of this form, and
/// whatever else they carry is ignored.
#[derive(Debug, Clone, PartialEq, Deserialize)]
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
pub struct Redacted {
    /// The text with a placeholder for each entity.
    pub text: String,
    /// What was replaced, in order, never overlapping; places are those of the text as sent.
    pub entities: Vec<Entity>,
}

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// Not JSON.
    #[error("{0}")]
    Malformed(String),
    /// No such path.
    #[error("there is nothing at {0}; see GET /info")]
    NotFound(String),
    /// The path is there, but not for this method.
    #[error("{method} is not allowed here; use {allow}")]
    MethodNotAllowed {
        /// The method of the request.
        method: String,
        /// The methods the path takes.
        allow: &'static str,
    },
    /// The body exceeds the limit.
    #[error("the body exceeds {limit} bytes; send less at once")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The body is declared to be something else than JSON.
    #[error("content-type {0} is not supported; send application/json")]
    UnsupportedMediaType(String),
    /// The body is encoded in a way that cannot be decoded.
    #[error(transparent)]
    UnsupportedCoding(#[from] UnsupportedCoding),
    /// JSON, but not a valid request.
    #[error("{0}")]
    Invalid(String),
    /// The model is not there or does not work.
    #[error("{0}")]
    Internal(String),
    /// Too many other requests wait to be computed.
    #[error("{0}")]
    Busy(Later),
    /// Nothing can be computed at the moment.
    #[error("{0}")]
    Unavailable(Later),
}

/// Why nothing is computed now, and when to ask again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; try again in {seconds} s")]
pub struct Later {
    /// What is in the way.
    pub reason: String,
    /// Until it should be out of the way.
    pub seconds: u32,
}

impl Later {
    /// What a host says that knows a time: `wasi:nn` has words for it, and no field.
    pub fn told(message: &str) -> Self {
        let told = message.rsplit_once("; try again in ").and_then(|(reason, time)| {
            let seconds = time.strip_suffix(" s")?.parse().ok()?;
            Some(Self { reason: reason.to_owned(), seconds })
        });
        told.unwrap_or_else(|| Self { reason: message.to_owned(), seconds: 1 })
    }
}

impl ApiError {
    /// HTTP status (RFC 9110).
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::NotFound(_) => 404,
            Self::MethodNotAllowed { .. } => 405,
            Self::TooLarge { .. } => 413,
            Self::UnsupportedMediaType(_) | Self::UnsupportedCoding(_) => 415,
            Self::Invalid(_) => 422,
            Self::Busy(_) => 429,
            Self::Internal(_) => 500,
            Self::Unavailable(_) => 503,
        }
    }

    /// Seconds after which to ask again, where that helps.
    pub fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Busy(later) | Self::Unavailable(later) => Some(later.seconds),
            _ => None,
        }
    }

    /// The header that belongs to the status, if there is one.
    pub fn header(&self) -> Option<(&'static str, String)> {
        match self {
            Self::MethodNotAllowed { allow, .. } => Some(("allow", (*allow).to_owned())),
            Self::UnsupportedCoding(coding) => {
                Some(("accept-encoding", coding.accepted().to_owned()))
            }
            _ => self.retry_after().map(|seconds| ("retry-after", seconds.to_string())),
        }
    }

    /// Stable name for programs.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::NotFound(_) => "not_found",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::TooLarge { .. } => "payload_too_large",
            Self::UnsupportedMediaType(_) | Self::UnsupportedCoding(_) => "unsupported_media_type",
            Self::Invalid(_) => "invalid",
            Self::Internal(_) => "internal",
            Self::Busy(_) => "busy",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

/// Parses a request body: [`ApiError::Malformed`] if it is not JSON, [`ApiError::Invalid`] if
/// it is JSON of another form.
///
/// # Errors
/// As above, with line and column.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    parse_json(body).map_err(|error: JsonError| match error.is_json() {
        true => ApiError::Invalid(error.to_string()),
        false => ApiError::Malformed(error.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_knows_when_to_come_back_is_believed() {
        let told = Later::told("busy: 7 wait; try again in 12 s");
        assert_eq!((&told.reason[..], told.seconds), ("busy: 7 wait", 12));
        let error = ApiError::Busy(told);
        assert_eq!(error.retry_after(), Some(12));
        assert_eq!(error.to_string(), "busy: 7 wait; try again in 12 s");
    }

    #[test]
    fn one_that_does_not_is_asked_again_in_a_second() {
        for message in ["busy: 7 wait", "restarting: x; try again in a s", "; try again in 1e9 s"] {
            let told = Later::told(message);
            assert_eq!((&told.reason[..], told.seconds), (message, 1));
        }
    }
}
