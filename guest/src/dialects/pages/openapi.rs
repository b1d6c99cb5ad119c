//! The OpenAPI document of a function: the part of `openapi.json` that its routes are.

use std::collections::BTreeSet;

use pilotlight_model::Task;
use serde_json::{Map, Value, json};

use crate::dialects::Route;
use crate::function::Function;
use crate::tasks::embeddings::prompt_names;

/// All operations, made from the types that requests are read into and answers are written from: see
/// `dialects/schema`.
const DOCUMENT: &str = include_str!("openapi.json");

/// The document of `routes` of a function: JSON.
pub fn of_routes<'a>(routes: impl Iterator<Item = &'a Route>, function: &Function) -> Vec<u8> {
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
    let examples = document.pointer(HOSTED_EXAMPLES).cloned();
    let examples = examples.as_ref().and_then(Value::as_object);
    let paths = document["paths"].as_object_mut();
    for (path, methods) in paths.into_iter().flatten() {
        fit_hosted(path, methods, (examples, function));
    }
    fit(&mut document["components"]["schemas"], function);
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
        parameter["schema"]["enum"] = json!([function.name()]);
    }
    document.to_string().into_bytes()
}

/// Gives paths of hosted inference the examples of the function's tasks, of its own task where the path
/// names one, and takes recordings from those of models that do not hear.
fn fit_hosted(
    path: &str,
    methods: &mut Value,
    (examples, function): (Option<&Map<String, Value>>, &Function),
) {
    let types = methods.pointer_mut("/post/requestBody/content");
    let types = types.filter(|types| types[JSON]["schema"]["$ref"] == HOSTED_REQUEST);
    let Some(types) = types.and_then(Value::as_object_mut) else { return };
    types
        .retain(|name, _| name == JSON || function.tasks().contains(&Task::VoiceActivityDetection));
    let Some(content) = types.get_mut(JSON).and_then(Value::as_object_mut) else { return };
    let is_for = |name: &str| match path.contains("{task}") {
        true => name == function.task().name(),
        false => function.tasks().iter().any(|task| task.name() == name),
    };
    let own = examples.into_iter().flatten().filter(|(name, _)| is_for(name));
    let own: Map<String, Value> =
        own.map(|(name, example)| (name.clone(), example.clone())).collect();
    content.remove("example");
    content.insert("examples".to_owned(), own.into());
}

/// Has schemas allow what the model takes: forms of its tasks, ids of its tokens, and its prompts.
fn fit(schema: &mut Value, function: &Function) {
    let fields = match schema {
        Value::Array(items) => return items.iter_mut().for_each(|item| fit(item, function)),
        Value::Object(fields) => fields,
        _ => return,
    };
    if let Some(forms) = fields.get_mut("anyOf").and_then(Value::as_array_mut) {
        forms.retain_mut(|form| match form.as_object_mut().and_then(|form| form.remove(TASKS)) {
            Some(tasks) => function.tasks().iter().any(|task| contains(&tasks, task.name())),
            None => true,
        });
    }
    if let Some(model) = function.model().text() {
        if fields.get("maximum") == Some(&json!(u32::MAX)) {
            let last = model.tokenizer.vocabulary().saturating_sub(1);
            fields.insert("maximum".to_owned(), json!(last));
        }
        let properties = fields.get_mut("properties").and_then(Value::as_object_mut);
        for (name, property) in properties.into_iter().flatten() {
            match &name[..] {
                "prompt_name" => {
                    let names = prompt_names(model).into_iter().map(Value::from);
                    *property = json!({"enum": names.chain([Value::Null]).collect::<Vec<_>>()});
                }
                "truncate_prompt_tokens" => {
                    let least = json!({"type": "integer", "minimum": model.special_tokens() + 1});
                    property["anyOf"] = json!([{"enum": [-1, null]}, least]);
                }
                _ => {}
            }
        }
    }
    fields.values_mut().for_each(|field| fit(field, function));
}

const JSON: &str = "application/json";
/// The request of hosted inference, and examples of it by task.
const HOSTED_REQUEST: &str = "#/components/schemas/InferenceRequest";
const HOSTED_EXAMPLES: &str = "/paths/~1/post/requestBody/content/application~1json/examples";
/// The tasks that a form of a request is for.
const TASKS: &str = "x-tasks";

fn contains(list: &Value, name: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|item| item == name))
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
