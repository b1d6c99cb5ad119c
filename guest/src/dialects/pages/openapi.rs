//! The OpenAPI document of a function: the part of `openapi.json` that its routes are.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::dialects::Route;

/// All operations, made from the types that requests are read into and answers are written from: see
/// `dialects/schema`.
const DOCUMENT: &str = include_str!("openapi.json");

/// The document of `routes`, by a model of this name: JSON.
pub fn of_routes<'a>(routes: impl Iterator<Item = &'a Route>, model: &str) -> Vec<u8> {
    let document: Map<String, Value> = serde_json::from_str(DOCUMENT).unwrap_or_default();
    let mut document = Value::Object(document);
    let served: BTreeSet<(String, String)> =
        routes.map(|route| (written(route.path), route.method.to_ascii_lowercase())).collect();
    if let Some(paths) = document["paths"].as_object_mut() {
        paths.retain(|path, methods| {
            if let Some(methods) = methods.as_object_mut() {
                methods.retain(|method, _| served.contains(&(path.clone(), method.clone())));
            }
            methods.as_object().is_some_and(|methods| !methods.is_empty())
        });
    }
    let mut used = BTreeSet::new();
    collect(&document["paths"], &document, &mut used);
    for (kind, components) in document["components"].as_object_mut().into_iter().flatten() {
        if let Some(components) = components.as_object_mut() {
            components.retain(|name, _| used.contains(&format!("#/components/{kind}/{name}")));
        }
    }
    // What stands for a part of a path is the name of the model.
    let parameters = document["components"]["parameters"].as_object_mut();
    for parameter in parameters.into_iter().flat_map(Map::values_mut) {
        parameter["schema"]["enum"] = json!([model]);
    }
    document.to_string().into_bytes()
}

/// A route's path as OpenAPI writes it, which has no segments that stand for several.
fn written(path: &str) -> String {
    path.replace("...}", "}")
}

/// What `value` refers to, directly or not.
fn collect(value: &Value, document: &Value, used: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, document, used)),
        Value::Object(fields) => {
            let reference = fields.get("$ref").and_then(Value::as_str);
            if let Some(reference) = reference.filter(|name| used.insert((*name).to_owned())) {
                let found = document.pointer(reference.trim_start_matches('#'));
                collect(found.unwrap_or(&Value::Null), document, used);
            }
            fields.values().for_each(|field| collect(field, document, used));
        }
        _ => {}
    }
}
