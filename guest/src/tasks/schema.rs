//! Schemas of types that are read or written by hand, for the OpenAPI document. Only tests and development
//! have them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::encode::{Side, Truncate};
use super::request::{OneOrMany, Request, TextOrPair};
use super::tensors::Flat;
use super::text_classification::Function;
use super::token_classification::Aggregation;

/// Implements `JsonSchema` for a type by a schema in JSON.
macro_rules! by_hand {
    ($($type:ty, $name:literal, $schema:tt)*) => {$(
        impl ::schemars::JsonSchema for $type {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                ::schemars::json_schema!($schema)
            }
        }
    )*};
}
pub(crate) use by_hand;

by_hand! {
    Side, "Side", {
        "description": "An end of a text.",
        "type": "string",
        "enum": ["left", "right", "Left", "Right"],
    }

    Truncate, "Truncate", {
        "description": "Whether the end of what is too long is left out, or how that of a pair is.",
        "enum": [
            true, false, null, "longest_first", "only_first", "only_second", "do_not_truncate",
        ],
    }

    Aggregation, "AggregationStrategy", {
        "description": "How labels of tokens become entities.",
        "type": "string",
        "enum": ["none", "simple", "first", "average", "max"],
    }

    Function, "FunctionToApply", {
        "description": "What makes scores of a classifier's outputs, in any case; by default, what the \
            model's kind of problem asks for.",
        "type": "string",
        "enum": [
            "default", "sigmoid", "softmax", "none", "Default", "Sigmoid", "Softmax", "None",
            "DEFAULT", "SIGMOID", "SOFTMAX", "NONE",
        ],
    }

    TextOrPair, "TextOrPair", {
        "description": "A text, or a text and a second one.",
        "type": ["string", "object"],
        "properties": {"text": {"type": "string"}, "text_pair": {"type": ["string", "null"]}},
        "required": ["text"],
        "additionalProperties": false,
    }

    InferParameters, "InferParameters", {
        "description": "Settings; `binary_data_output` says whether outputs are in binary.",
        "type": "object",
        "properties": {"binary_data_output": {"type": "boolean"}},
        "additionalProperties": {"type": ["string", "number", "boolean"]},
    }

    Filled, "FilledText", {"type": "string", "minLength": 1}

    Limits, "Limits", {
        "description": "Bytes of a body and texts of a request, at most.",
        "type": "object",
        "properties": {
            "max-body-bytes": {"type": "integer", "minimum": 0},
            "max-inputs": {"type": "integer", "minimum": 0},
        },
        "required": ["max-body-bytes", "max-inputs"],
    }
}

/// Parameters of the Open Inference Protocol.
pub(crate) struct InferParameters;

/// A text that must not be empty.
pub(crate) struct Filled;

/// Limits of a model's manifest.
pub(crate) struct Limits;

impl JsonSchema for Flat {
    fn schema_name() -> Cow<'static, str> {
        "Elements".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Numbers, booleans or strings, in lists of any depth.",
            "type": ["number", "boolean", "string", "array"],
            "items": generator.subschema_for::<Self>(),
        })
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]})
    }
}

impl<I: JsonSchema, P: JsonSchema> JsonSchema for Request<I, P> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("RequestOf{}With{}", I::schema_name(), P::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "inputs": generator.subschema_for::<I>(),
                "parameters": parameters_of::<P>(generator.subschema_for::<P>(), generator),
                "options": {"description": "Accepted and ignored."},
            },
            "required": required_keys::<P>(generator),
            "additionalProperties": false,
        })
    }
}

/// Parameters, or null if none has to be given.
pub(crate) fn parameters_of<P: JsonSchema>(
    parameters: Schema,
    generator: &mut SchemaGenerator,
) -> Value {
    let mut parameters = parameters.to_value();
    if required_keys::<P>(generator).len() == 1 {
        nullable(&mut parameters);
    }
    parameters
}

/// The keys that a request with parameters of type `P` has to have.
pub(crate) fn required_keys<P: JsonSchema>(generator: &mut SchemaGenerator) -> Vec<&'static str> {
    let some_required = P::json_schema(generator).get("required").is_some();
    if some_required { vec!["inputs", "parameters"] } else { vec!["inputs"] }
}

/// Has a schema take null, too.
pub(crate) fn nullable(schema: &mut Value) {
    let none = json!("null");
    let Some(object) = schema.as_object_mut() else { return };
    let takes_null = |values: &Value| values.as_array().is_some_and(|v| v.contains(&Value::Null));
    let is_any = !["type", "enum", "const", "anyOf", "oneOf", "$ref", "allOf"]
        .iter()
        .any(|key| object.contains_key(*key));
    if is_any || object.get("enum").is_some_and(takes_null) {
        return;
    }
    let by_type = !object.contains_key("enum") && !object.contains_key("const");
    match (object.get_mut("type"), by_type) {
        (Some(Value::Array(types)), true) => {
            if !types.contains(&none) {
                types.push(none);
            }
        }
        (Some(one), true) => *one = json!([one.take(), none]),
        _ => {
            let description = object.remove("description");
            let of_null = json!({"type": "null"});
            match object.get_mut("anyOf").and_then(Value::as_array_mut) {
                Some(any) if any.contains(&of_null) => {}
                Some(any) => any.push(of_null),
                None => {
                    let inner = std::mem::take(object);
                    object.insert("anyOf".to_owned(), json!([inner, of_null]));
                }
            }
            object.extend(description.map(|text| ("description".to_owned(), text)));
        }
    }
}

/// `transformers` calls `truncate` `truncation`.
pub(crate) fn truncation(schema: &mut Schema) {
    alias("truncate", "truncation")(schema);
}

/// Gives a key other names, with commas, of which a request may have one.
pub(crate) fn alias(name: &'static str, others: &'static str) -> impl FnMut(&mut Schema) + Clone {
    move |schema| {
        let others = || others.split(", ");
        let object = schema.ensure_object();
        let mut other = object["properties"][name].clone();
        other["description"] = json!(format!("Another name of `{name}`."));
        for key in others() {
            object["properties"][key] = other.clone();
        }
        let names: Vec<&str> = std::iter::once(name).chain(others()).collect();
        let has = |key: &&str| json!({"required": [key]});
        let mut rules = Vec::new();
        if let Some(required) = object.get_mut("required").and_then(Value::as_array_mut)
            && required.iter().any(|key| key == name)
        {
            required.retain(|key| key != name);
            rules.push(json!({"anyOf": names.iter().map(has).collect::<Vec<_>>()}));
        }
        if object.get("required") == Some(&json!([])) {
            object.remove("required");
        }
        for (place, one) in names.iter().enumerate() {
            let both = |other| json!({"not": {"required": [one, other]}});
            rules.extend(names[place + 1..].iter().map(both));
        }
        let all = object.entry("allOf").or_insert_with(|| json!([]));
        all.as_array_mut().into_iter().for_each(|all| all.append(&mut rules));
    }
}

/// Has a key required that serde has a default for.
pub(crate) fn require(name: &'static str) -> impl FnMut(&mut Schema) + Clone {
    move |schema| {
        schema.insert("required".to_owned(), json!([name]));
        let property = schema.pointer_mut(&format!("/properties/{name}"));
        property.and_then(Value::as_object_mut).map(|property| property.remove("default"));
    }
}

/// The strings, with commas, that stand for the variants of an enum.
pub(crate) fn names(names: &'static str) -> impl FnMut(&mut Schema) + Clone {
    move |schema| {
        let names: Vec<&str> = names.split(", ").collect();
        *schema = json_schema!({"type": "string", "enum": names});
    }
}

/// Labels in a list, or in a string with commas between them.
pub(crate) fn candidates(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [
            {"type": "string", "minLength": 1},
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
        ],
    })
}

/// Elements of a tensor of an answer; null stands for numbers that JSON does not have.
pub(crate) fn numbers(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"type": ["number", "boolean", "null"]}})
}

/// Elements of a tensor of numbers or strings.
pub(crate) fn numbers_or_strings(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"type": ["number", "boolean", "string"]}})
}
