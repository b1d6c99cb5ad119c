//! Examples with one value changed: what the document does not allow is refused.

use std::collections::BTreeSet;

use pilotlight_guest::service::Service;
use serde_json::{Map, Value, json};

use super::validator::Validator;
use super::{examples, filled, operations, own_document, services};
use crate::support::post;

/// What stands in place of a value.
fn others() -> [Value; 16] {
    [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(2.0),
        json!(1e300),
        json!(""),
        json!("x"),
        json!([]),
        json!([[]]),
        json!(["x"]),
        json!([null]),
        json!([{"text": 1}]),
        json!({}),
        json!({"text": ["x"]}),
    ]
}

/// A request with each of its values changed, left out, and with each further key of the schema.
fn changed(request: &Value, schema: &Value, document: &Value) -> Vec<Value> {
    let mut all: Vec<Value> = others().into();
    let mut place = |pointer: String| {
        for other in others() {
            let mut changed = request.clone();
            *changed.pointer_mut(&pointer).unwrap() = other;
            all.push(changed);
        }
    };
    pointers(request, String::new(), &mut place);
    let mut names = BTreeSet::new();
    keys(schema, document, &mut names);
    for name in names {
        for other in others() {
            let mut changed = request.clone();
            changed[&name] = other.clone();
            all.push(changed);
            if name != "parameters" && request.get("inputs").is_some() {
                let mut changed = request.clone();
                let parameters = changed.as_object_mut().unwrap().entry("parameters");
                let parameters = parameters.or_insert_with(|| Value::Object(Map::new()));
                parameters[&name] = other;
                all.push(changed);
            }
        }
        let mut changed = request.clone();
        changed.as_object_mut().unwrap().remove(&name);
        all.push(changed);
    }
    all
}

/// Places of all values within a value.
fn pointers(value: &Value, at: String, place: &mut impl FnMut(String)) {
    let mut within = |key: &str, value: &Value| {
        place(format!("{at}/{key}"));
        pointers(value, format!("{at}/{key}"), place);
    };
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| within(&index.to_string(), item));
        }
        Value::Object(fields) => fields.iter().for_each(|(key, field)| within(key, field)),
        _ => {}
    }
}

/// Keys of an object and of its parameters.
fn keys(schema: &Value, document: &Value, found: &mut BTreeSet<String>) {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        keys(document.pointer(&reference[1..]).unwrap(), document, found);
    }
    for form in schema["anyOf"].as_array().into_iter().flatten() {
        keys(form, document, found);
    }
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        found.insert(key.clone());
        if key == "parameters" {
            keys(property, document, found);
        }
    }
}

/// How many requests are refused, as they have to be; those that are not go to `taken`.
fn check(
    service: &Service,
    (path, operation): (&str, &Value),
    document: &Value,
    taken: &mut Vec<String>,
) -> usize {
    let validator = Validator(document);
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let target = filled(path, service);
    let mut refused = 0;
    for example in examples(operation) {
        if post(service, &target, example).status != 200 {
            continue;
        }
        for request in changed(example, schema, document) {
            let Err(error) = validator.check(schema, &request) else { continue };
            let reply = post(service, &target, &request);
            match reply.status {
                400 | 422 => refused += 1,
                status => taken.push(format!("{path} {request}: {status}, {error}")),
            }
        }
    }
    refused
}

#[test]
fn what_the_document_does_not_allow_is_refused() {
    let (mut refused, mut taken) = (0, Vec::new());
    for service in services() {
        let document = own_document(&service);
        for (method, path, operation) in operations(&document) {
            // The others are answered as `/` is.
            let is_alias =
                ["/hf-inference", "/pipeline", "/models"].iter().any(|a| path.starts_with(a));
            if method == "post" && !is_alias {
                refused += check(&service, (path, operation), &document, &mut taken);
            }
        }
    }
    assert!(taken.is_empty(), "{} requests:\n{}", taken.len(), taken.join("\n"));
    assert!(refused > 5_000, "{refused}");
}
