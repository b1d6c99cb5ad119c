//! `pages/openapi.json`: it is that of the types, it has all routes, and models answer as it says.

mod mutations;
mod strictness;
mod validator;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use pilotlight_guest::dialects::{Route, document, routes};
use pilotlight_guest::engine::Placement;
use pilotlight_guest::service::Service;
use pilotlight_model::{Digest, ModelFolder};
use pilotlight_testing::graphs::doubling as doubling_graph;
use pilotlight_testing::tiny_voice;
use serde_json::{Value, json};

use self::validator::Validator;
use crate::support::{Reply, get, post, service};

/// Models of all tasks; masks are `[MASK]`, as in the examples.
const MODELS: [&str; 8] = [
    "albert-fill-mask",
    "distilbert-question-answering",
    "distilbert-zero-shot-classification",
    "electra-feature-extraction",
    "electra-reranking",
    "electra-token-classification",
    "mpnet-sentence-embeddings",
    "roberta-text-classification",
];

/// Routes that no model answers with 200: the document does not have them.
fn only_refuses(path: &str) -> bool {
    let refusals = ["/trace/", "/logging", "sharedmemory/", "/embed_sparse"];
    refusals.iter().any(|part| path.contains(part))
}

fn committed() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dialects/pages/openapi.json");
    fs::read_to_string(file).unwrap()
}

fn parsed() -> Value {
    serde_json::from_str(&committed()).unwrap()
}

/// A method and a path as the document writes them.
fn written(route: &Route) -> (String, String) {
    (route.method.to_ascii_lowercase(), route.path.replace("...}", "}"))
}

/// Methods, paths and operations of a document.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let methods = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (&method[..], &path[..], operation))
    });
    methods.collect()
}

/// A graph that doubles `x`.
fn doubling() -> Service {
    let graph = doubling_graph();
    let manifest = format!(
        "name = \"doubling\"\ntask = \"tensors\"\nlicense = \"CC0-1.0\"\n\n[files]\n\
         \"model.onnx\".sha256 = \"{}\"\n",
        Digest::of(&graph)
    );
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("model.onnx"), graph).unwrap();
    fs::write(folder.path().join("model.toml"), manifest).unwrap();
    Service::load(&ModelFolder::open(folder.path()).unwrap(), Placement::default()).unwrap()
}

/// A model that hears.
fn hearing() -> Service {
    let folder = tiny_voice::folder();
    Service::load(&ModelFolder::open(folder.path()).unwrap(), Placement::default()).unwrap()
}

fn services() -> Vec<Service> {
    MODELS.iter().map(|model| service(model)).chain([doubling(), hearing()]).collect()
}

fn own_document(service: &Service) -> Value {
    get(service, "/openapi.json").ok()
}

fn name(service: &Service) -> String {
    get(service, "/info").ok()["model"].as_str().unwrap().to_owned()
}

#[test]
fn the_document_is_that_of_the_types() {
    let how = "cargo run --release -p pilotlight-guest --features schema --example openapi \
               > openapi.json && mv openapi.json guest/src/dialects/pages/";
    assert!(committed() == document(), "out of date: {how}");
}

#[test]
fn the_document_is_small() {
    assert!(committed().len() < 115_000, "{} bytes", committed().len());
}

#[test]
fn each_route_has_an_operation_and_each_operation_a_route() {
    let document = parsed();
    let described: BTreeSet<_> = operations(&document)
        .into_iter()
        .map(|(method, path, _)| (method.to_owned(), path.to_owned()))
        .collect();
    let served: BTreeSet<_> =
        routes().filter(|route| !only_refuses(route.path)).map(written).collect();
    assert_eq!(described, served);
}

#[test]
fn each_operation_has_an_id_a_summary_and_an_example_of_its_own() {
    let document = parsed();
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "{id} comes twice");
        let summary = operation["summary"].as_str().unwrap();
        assert!(summary.ends_with('.'), "{path}: {summary}");
        assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{path}");
        let reads_json = operation["requestBody"]["content"].get("application/json").is_some();
        assert_eq!(reads_json, !examples(operation).is_empty(), "{path}");
        assert_eq!(method == "post", operation.get("requestBody").is_some(), "{path}");
    }
}

#[test]
fn a_model_s_document_has_its_routes_and_all_that_they_refer_to() {
    for service in services() {
        let (name, document) = (name(&service), own_document(&service));
        let described: BTreeSet<_> = operations(&document)
            .into_iter()
            .map(|(method, path, _)| (method.to_owned(), path.to_owned()))
            .collect();
        let endpoints = service.description().endpoints.into_iter();
        let served = endpoints.filter(|(_, path, _)| !only_refuses(path) && is_met(&service, path));
        let served: BTreeSet<_> = served
            .map(|(method, path, _)| (method.to_ascii_lowercase(), path.replace("...}", "}")))
            .collect();
        assert_eq!(described, served, "{name}");
        let mut referred = BTreeSet::new();
        references(&document, &mut referred);
        let components = document["components"].as_object().unwrap().iter();
        let defined = components.flat_map(|(kind, components)| {
            let names = components.as_object().unwrap().keys();
            names.map(move |name| format!("#/components/{kind}/{name}"))
        });
        assert_eq!(referred, defined.collect::<BTreeSet<_>>(), "{name}");
        let parameter = &document["components"]["parameters"]["model"];
        assert_eq!(parameter["schema"]["enum"], json!([name]));
    }
}

/// Whether the model is of the kind that a path of text-embeddings-inference is for.
fn is_met(service: &Service, path: &str) -> bool {
    let body = json!({"inputs": [], "query": "a", "texts": []});
    let reply = post(service, path, &body);
    reply.status != 424
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| references(field, found));
        }
        _ => {}
    }
}

#[test]
fn recordings_are_for_models_that_hear() {
    let audio = "/paths/~1/post/requestBody/content/audio~1wav";
    for service in services() {
        let hears = name(&service).contains("voice");
        assert_eq!(own_document(&service).pointer(audio).is_some(), hears, "{}", name(&service));
    }
}

#[test]
fn routes_that_are_not_described_refuse() {
    let service = service("electra-token-classification");
    for route in routes().filter(|route| only_refuses(route.path)) {
        let path = route.path.replace("{model}", &name(&service)).replace("{region...}", "status");
        let reply = match route.method {
            "GET" => get(&service, &path),
            _ => post(&service, &path, &json!({"inputs": "a"})),
        };
        assert!([424, 501].contains(&reply.status), "{path}: {}", reply.status);
    }
}

/// The examples of an operation's requests.
fn examples(operation: &Value) -> Vec<&Value> {
    let content = &operation["requestBody"]["content"]["application/json"];
    let several = content["examples"].as_object().into_iter().flatten();
    content
        .get("example")
        .into_iter()
        .chain(several.map(|(_, example)| &example["value"]))
        .collect()
}

/// A path with values for what stands in braces.
fn filled(path: &str, service: &Service) -> String {
    let task = service.description().task;
    let path = match path.strip_prefix("/v1/models/") {
        Some(_) => format!("/v1/models/{}", name(service)),
        None => path.replace("{id}", "org/name"),
    };
    path.replace("{model}", &name(service)).replace("{version}", "1").replace("{task}", task.name())
}

/// The schema of an answer in JSON, in a document; `None` where it has no content in JSON.
fn schema_of<'a>(document: &'a Value, operation: &'a Value, reply: &Reply) -> Option<&'a Value> {
    let responses = &operation["responses"];
    let response = match reply.status {
        200 => &responses["200"],
        400..500 => &responses["4XX"],
        status => panic!("{status}"),
    };
    let response = match response.get("$ref").and_then(Value::as_str) {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => response,
    };
    let content = response.get("content")?.as_object().unwrap();
    let essence = reply.content_type.split(';').next().unwrap();
    Some(content.get(essence).unwrap_or_else(|| panic!("{essence}")))
        .filter(|_| essence == "application/json")
}

#[test]
fn examples_are_answered_and_answers_are_of_the_form_that_is_told() {
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    let mut answered = BTreeSet::new();
    for service in services() {
        let document = own_document(&service);
        let validator = Validator(&document);
        for (method, path, operation) in operations(&document) {
            let target = filled(path, &service);
            let requests = match method {
                "get" => vec![(format!("get {path}"), get(&service, &target))],
                _ => examples(operation)
                    .into_iter()
                    .map(|example| {
                        let schema =
                            &operation["requestBody"]["content"]["application/json"]["schema"];
                        let valid = validator.check(schema, example);
                        valid.unwrap_or_else(|error| panic!("{path}: {error}"));
                        (format!("post {path} {example}"), post(&service, &target, example))
                    })
                    .collect(),
            };
            for (request, reply) in requests {
                if let Some(content) = schema_of(&document, operation, &reply) {
                    let valid = validator.check(&content["schema"], &reply.json());
                    valid.unwrap_or_else(|error| panic!("{} {request}: {error}", name(&service)));
                }
                if reply.status == 200 {
                    answered.insert(request.clone());
                }
                wanted.insert(request);
            }
        }
    }
    assert_eq!(answered, wanted);
}
