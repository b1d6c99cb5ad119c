//! Texts as the dialects take them: strings, token ids, documents, and parts of messages.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::api::ApiError;
use crate::model::TextModel;

/// A text, or its token ids in the model's own vocabulary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// `"…"`
    Text(String),
    /// `[101, …]`
    Ids(Vec<u32>),
}

/// One text or several: `"…"`, `[101, …]`, `["…", [101, …], …]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts(pub Vec<Text>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        let items = match value {
            Value::Array(items) if !items.iter().any(Value::is_number) => items,
            one => vec![one],
        };
        items.into_iter().map(text).collect::<Result<_, _>>().map(Self).map_err(D::Error::custom)
    }
}

fn text(value: Value) -> Result<Text, String> {
    match value {
        Value::String(text) => Ok(Text::Text(text)),
        Value::Array(ids) => {
            let id = |id: Value| id.as_u64().and_then(|id| u32::try_from(id).ok());
            let ids: Option<Vec<u32>> = ids.into_iter().map(id).collect();
            ids.map(Text::Ids).ok_or_else(|| EXPECTED.to_owned())
        }
        _ => Err(EXPECTED.to_owned()),
    }
}

const EXPECTED: &str = "expected a string, a list of token ids, or a list of these";

impl Texts {
    /// The texts; those of token ids are what the ids spell.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for ids that the tokenizer does not have.
    pub fn strings(self, model: &TextModel) -> Result<Vec<String>, ApiError> {
        let string = |text: Text| match text {
            Text::Text(text) => Ok(text),
            Text::Ids(ids) => model.spell(&ids, true),
        };
        self.0.into_iter().map(string).collect()
    }
}

/// A text as servers for ranking take it: `"…"`, `{"text": "…"}` or
/// `{"content": [{"type": "text", "text": "…"}, …]}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Document(pub String);

/// One [`Document`] or a list of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Documents(pub Vec<String>);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        document(Value::deserialize(from)?).map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Documents {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let items = match Value::deserialize(from)? {
            Value::Array(items) => items,
            one => vec![one],
        };
        let texts = items.into_iter().map(document).collect::<Result<_, _>>();
        texts.map(Self).map_err(D::Error::custom)
    }
}

fn document(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Object(mut object) => match (object.remove("text"), object.remove("content")) {
            (Some(Value::String(text)), _) => Ok(text),
            (None, Some(Value::Array(parts))) => {
                let texts: Vec<String> = parts.into_iter().map(part).collect::<Result<_, _>>()?;
                Ok(texts.join("\n"))
            }
            _ => Err(EXPECTED_DOCUMENT.to_owned()),
        },
        _ => Err(EXPECTED_DOCUMENT.to_owned()),
    }
}

const EXPECTED_DOCUMENT: &str = "expected a string or {\"text\": a string}";

/// The text of a part of a message: `{"type": "text", "text": "…"}`.
pub(super) fn part(value: Value) -> Result<String, String> {
    match (value["type"].as_str(), &value["text"]) {
        (Some("text"), Value::String(text)) => Ok(text.clone()),
        (Some("text"), _) => Err("a part of the type text needs a string as its text".to_owned()),
        (Some(other), _) => Err(format!("a part of the type {other} is not read; send texts")),
        (None, _) => Err("expected {\"type\": \"text\", \"text\"}".to_owned()),
    }
}
