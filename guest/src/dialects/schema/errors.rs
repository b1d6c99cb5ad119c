//! How each dialect tells an error: `pilotlight_wire::Dialect` writes them.

use std::borrow::Cow;

use pilotlight_wire::Dialect;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::tasks::schema::by_hand;

struct Error;
struct TextEmbeddingsInferenceError;
struct OpenAiError;
struct VllmError;
struct OpenInferenceError;
struct RerankError;
struct AnyRerankError;

by_hand! {
    Error, "Error", {
        "description": "What is wrong, and its stable name.",
        "type": "object",
        "properties": {"error": {"type": "string"}, "error_type": {"type": "string"}},
        "required": ["error", "error_type"],
    }

    TextEmbeddingsInferenceError, "TextEmbeddingsInferenceError", {
        "type": "object",
        "properties": {
            "error": {"type": "string"},
            "error_type": {
                "enum": ["Validation", "Empty", "Backend", "Overloaded", "Unhealthy", "Unauthorized"],
            },
        },
        "required": ["error", "error_type"],
    }

    OpenAiError, "OpenAiError", {
        "type": "object",
        "properties": {
            "error": {
                "type": "object",
                "properties": {
                    "message": {"type": "string"},
                    "type": {"type": "string"},
                    "param": {"type": ["string", "null"]},
                    "code": {"type": ["string", "null"]},
                },
                "required": ["message", "type", "param", "code"],
            },
        },
        "required": ["error"],
    }

    VllmError, "VllmError", {
        "type": "object",
        "properties": {
            "error": {
                "type": "object",
                "properties": {
                    "message": {"type": "string"},
                    "type": {"type": "string"},
                    "param": {"type": ["string", "null"]},
                    "code": {"description": "The status.", "type": "integer"},
                },
                "required": ["message", "type", "param", "code"],
            },
        },
        "required": ["error"],
    }

    OpenInferenceError, "OpenInferenceError", {
        "type": "object",
        "properties": {"error": {"type": "string"}},
        "required": ["error"],
    }

    RerankError, "RerankError", {
        "description": "What clients of Cohere, of Jina and of vLLM read.",
        "type": "object",
        "properties": {
            "message": {"type": "string"},
            "detail": {"type": "string"},
            "error": {"type": "object"},
        },
        "required": ["message", "detail", "error"],
    }
}

impl JsonSchema for AnyRerankError {
    fn schema_name() -> Cow<'static, str> {
        "AnyRerankError".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [
            generator.subschema_for::<TextEmbeddingsInferenceError>(),
            generator.subschema_for::<RerankError>(),
        ]})
    }
}

/// The name of a path's errors.
pub(super) fn name(path: &str) -> &'static str {
    match Dialect::of_path(path) {
        Dialect::HuggingFace | Dialect::HostedInference => "Error",
        Dialect::TextEmbeddingsInference => "TextEmbeddingsInferenceError",
        Dialect::OpenAi => "OpenAiError",
        Dialect::Vllm => "VllmError",
        Dialect::OpenInference => "OpenInferenceError",
        Dialect::Rerank => "RerankError",
        // The body decides.
        Dialect::AnyRerank => "AnyRerankError",
    }
}

/// The answers to refused requests by their names.
pub(super) fn responses(generator: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    add::<Error>(generator, &mut responses);
    add::<TextEmbeddingsInferenceError>(generator, &mut responses);
    add::<OpenAiError>(generator, &mut responses);
    add::<VllmError>(generator, &mut responses);
    add::<OpenInferenceError>(generator, &mut responses);
    add::<RerankError>(generator, &mut responses);
    add::<AnyRerankError>(generator, &mut responses);
    Value::Object(responses)
}

fn add<T: JsonSchema>(generator: &mut SchemaGenerator, responses: &mut Map<String, Value>) {
    let content = json!({"application/json": {"schema": generator.subschema_for::<T>()}});
    let response = json!({"description": "The request is refused.", "content": content});
    responses.insert(T::schema_name().into_owned(), response);
}
