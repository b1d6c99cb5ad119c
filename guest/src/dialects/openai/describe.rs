//! What the OpenAPI document says of OpenAI's routes.

#![expect(dead_code, reason = "only the schemas of these types are wanted")]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::moderations::{Input, ModerationRequest};
use super::{Embeddings, EmbeddingsRequest};
use crate::dialects::schema::{Document, Lenient};
use crate::tasks::schema::by_hand;

/// Describes the routes.
pub(in crate::dialects) fn describe(document: &mut Document) {
    document.tag("OpenAI");
    document
        .post("/v1/embeddings", "Computes a vector for each text.")
        .reads::<Lenient<EmbeddingsRequest>>(&json!({"input": ["Ada is a person.", "It rains."]}))
        .answers::<Embeddings<'_>>();
    document
        .post("/v1/moderations", "Classifies texts, under the names of the model's labels.")
        .reads::<Lenient<ModerationRequest>>(&json!({"input": ["Ada is a person.", "It rains."]}))
        .answers::<Moderations>();
    document
        .post("/v1/audio/transcriptions", "Writes down what is said in a recording.")
        .reads_form(&json!({
            "type": "object",
            "required": ["file"],
            "properties": {
                "file": {"description": "A WAV file.", "type": "string", "format": "binary"},
                "response_format": {"enum": ["json", "text", "srt", "verbose_json", "vtt"]},
                "language": {"description": "The model's own, if any.", "type": "string"},
            },
        }))
        .answers::<Transcription>();
    document.get("/v1/models", "Lists the model.").answers::<Models>();
    document.get("/v1/models/{id...}", "Describes the model.").answers::<Model>();
}

#[derive(JsonSchema)]
struct Models {
    object: String,
    data: Vec<Model>,
}

#[derive(JsonSchema)]
struct Model {
    id: String,
    object: String,
    created: u32,
    owned_by: String,
    task: String,
}

/// `verbose_json` has all keys, `json` only `text` and `usage`.
#[derive(JsonSchema)]
struct Transcription {
    text: String,
    usage: Option<Value>,
    task: Option<String>,
    language: Option<String>,
    duration: Option<f64>,
    segments: Option<Vec<Value>>,
}

#[derive(JsonSchema)]
struct Moderations {
    id: String,
    model: String,
    results: Vec<Moderation>,
}

/// Keys are the categories of OpenAI and the labels of the model.
#[derive(JsonSchema)]
struct Moderation {
    /// Whether any category applies.
    flagged: bool,
    categories: BTreeMap<String, bool>,
    category_scores: BTreeMap<String, f32>,
    category_applied_input_types: BTreeMap<String, Vec<String>>,
}

by_hand! {
    Input, "ModerationInput", {
        "description": "A text, a list of texts, or the parts of a message.",
        "anyOf": [
            {"type": "string"},
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
            {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"type": {"const": "text"}, "text": {"type": "string"}},
                    "required": ["type", "text"],
                },
                "minItems": 1,
            },
        ],
    }
}
