//! Objects that are read by [`read`](crate::dialects::object::read): unknown keys are ignored, and null is
//! no value.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use crate::tasks::schema::nullable;

/// A `T` that is read so.
pub(in crate::dialects) struct Lenient<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for Lenient<T> {
    fn schema_name() -> Cow<'static, str> {
        match T::schema_name() {
            name if is_also_strict(&name) => format!("Lenient{name}").into(),
            name => name,
        }
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = lenient(T::json_schema(generator));
        let name = T::schema_name();
        if is_also_strict(&name) {
            // Each is described there.
            let description = format!("{name}, of which unknown ones are ignored.");
            schema.insert("description".to_owned(), description.into());
            let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
            let properties = properties.into_iter().flat_map(|object| object.values_mut());
            properties.filter_map(Value::as_object_mut).for_each(|property| {
                property.remove("description");
            });
        }
        schema
    }
}

/// Whether objects of this name are also read without leniency.
fn is_also_strict(name: &str) -> bool {
    name.ends_with("Parameters") && name != "VectorParameters"
}

/// Has one of the names of a required key stand for a value.
fn not_null(rule: &mut Value) {
    let names = rule.get_mut("anyOf").and_then(Value::as_array_mut);
    for name in names.into_iter().flatten() {
        if let Some(key) = name["required"][0].as_str().map(str::to_owned) {
            name["properties"][key] = json!({"not": {"type": "null"}});
        }
    }
}

/// The schema of an object that is read so.
pub(in crate::dialects) fn lenient(mut schema: Schema) -> Schema {
    let object = schema.ensure_object();
    object.remove("additionalProperties");
    let required = object.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let properties = object.get_mut("properties").and_then(Value::as_object_mut);
    for (name, property) in properties.into_iter().flatten() {
        if !required.contains(&json!(name)) {
            nullable(property);
        }
    }
    // Of two names of a key, one may be null.
    if let Some(Value::Array(rules)) = object.get_mut("allOf") {
        rules.retain(|rule| rule.get("not").is_none());
        rules.iter_mut().for_each(not_null);
        if rules.is_empty() {
            object.remove("allOf");
        }
    }
    schema
}
