//! Schemas of texts as the dialects take them.

use schemars::{Schema, SchemaGenerator, json_schema};

use crate::dialects::input::{Document, Documents, Texts};
use crate::tasks::schema::by_hand;

by_hand! {
    Texts, "Texts", {
        "description": "A text, its token ids, or a list of either.",
        "type": ["string", "array"],
        "minItems": 1,
        "anyOf": [
            {"type": "string"},
            {"items": id()},
            {"items": {
                "type": ["string", "array"],
                "items": id(),
            }},
        ],
    }

    Document, "Document", {
        "description": "A text, or an object with it or with parts of it.",
        "anyOf": [
            {"type": "string"},
            {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
            {
                "type": "object",
                "properties": {
                    "text": false,
                    "content": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {"type": {"const": "text"}, "text": {"type": "string"}},
                            "required": ["type", "text"],
                        },
                    },
                },
                "required": ["content"],
            },
        ],
    }
}

impl schemars::JsonSchema for Documents {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Documents".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<Document>();
        json_schema!({"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]})
    }
}

/// [`Texts`] of which none is empty.
pub(in crate::dialects) fn filled_texts(_: &mut SchemaGenerator) -> Schema {
    let ids = || {
        serde_json::json!({
            "type": "array", "minItems": 1, "items": id(),
        })
    };
    let text = || serde_json::json!({"type": "string", "minLength": 1});
    json_schema!({
        "description": "A text, its token ids, or a list of either.",
        "anyOf": [
            text(),
            ids(),
            {"type": "array", "minItems": 1, "items": {"anyOf": [text(), ids()]}},
        ],
    })
}

/// Token ids of a text, or of several.
pub(in crate::dialects) fn ids(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "description": "Token ids of a text, or a list of these.",
        "type": "array",
        "minItems": 1,
        "anyOf": [
            {"items": id()},
            {"items": {"type": "array", "items": id()}},
        ],
    })
}

/// A token id.
fn id() -> serde_json::Value {
    serde_json::json!({"type": "integer", "minimum": 0, "maximum": u32::MAX})
}
