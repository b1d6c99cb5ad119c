//! Generates the OpenAPI document of all routes from the types of requests and answers, into `pages/openapi.json`.
//! Used only by tests and during development.

mod errors;
mod input;
mod lenient;

use std::fmt::Write as _;

use pilotlight_model::Task;
use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

pub(super) use self::input::{filled_texts, ids};
pub(super) use self::lenient::{Lenient, lenient};

const JSON: &str = "application/json";

/// The document: JSON with a line for each path and schema.
pub fn document() -> String {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut document = Document {
        requests: settings.clone().for_deserialize().into_generator(),
        answers: settings.for_serialize().into_generator(),
        tag: "",
        paths: Map::new(),
    };
    super::pilotlight::describe(&mut document);
    super::redact_stream::describe(&mut document);
    super::hugging_face::describe(&mut document);
    super::audio::describe(&mut document);
    super::text_embeddings_inference::describe(&mut document);
    super::openai::describe(&mut document);
    super::open_inference::describe(&mut document);
    super::rerank::describe(&mut document);
    super::vllm::describe(&mut document);
    super::gliner::describe(&mut document);
    super::presidio::describe(&mut document);
    super::litellm::describe(&mut document);
    super::pages::describe(&mut document);
    document.write()
}

/// The document while the dialects describe their routes.
pub(super) struct Document {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
    tag: &'static str,
    paths: Map<String, Value>,
}

/// What the document says of a route.
pub(super) struct Operation<'a> {
    requests: &'a mut SchemaGenerator,
    answers: &'a mut SchemaGenerator,
    content: &'a mut Value,
}

impl Document {
    /// The name of the dialect whose routes come next.
    pub(super) fn tag(&mut self, tag: &'static str) {
        self.tag = tag;
    }

    pub(super) fn get(&mut self, path: &str, summary: &str) -> Operation<'_> {
        self.operation("get", path, summary)
    }

    pub(super) fn post(&mut self, path: &str, summary: &str) -> Operation<'_> {
        self.operation("post", path, summary)
    }

    fn operation(&mut self, method: &str, path: &str, summary: &str) -> Operation<'_> {
        // OpenAPI has no segments that stand for several.
        let path = path.replace("...}", "}");
        let error = json!({"$ref": format!("#/components/responses/{}", errors::name(&path))});
        let mut content = json!({
            "tags": [self.tag],
            "summary": summary,
            "operationId": operation_id(method, &path),
            "responses": {"4XX": error, "5XX": error},
        });
        let parameters: Vec<Value> = path.split('/').filter_map(|s| parameter(&path, s)).collect();
        if !parameters.is_empty() {
            content["parameters"] = parameters.into();
        }
        let methods = self.paths.entry(path).or_insert_with(|| json!({}));
        methods[method] = content;
        let content = &mut methods[method];
        Operation { requests: &mut self.requests, answers: &mut self.answers, content }
    }

    fn write(mut self) -> String {
        let responses = errors::responses(&mut self.answers);
        let mut schemas = self.requests.take_definitions(true);
        for (name, mut schema) in self.answers.take_definitions(true) {
            brief(&mut schema);
            let known = schemas.insert(name.clone(), schema.clone());
            assert!(known.is_none_or(|known| known == schema), "two schemas are named {name}");
        }
        let mut paths = Value::Object(self.paths);
        let mut schemas = Value::Object(schemas);
        shorten(&mut paths);
        shorten(&mut schemas);
        let info = json!({"title": "Pilotlight", "version": env!("CARGO_PKG_VERSION")});
        format!(
            "{{\"openapi\":\"3.1.0\",\"info\":{info},\"paths\":{},\"components\":{{\n\
             \"parameters\":{},\n\"responses\":{responses},\n\"schemas\":{}}}}}\n",
            lines(&paths),
            model_parameters(),
            lines(&schemas)
        )
    }
}

impl Operation<'_> {
    /// The type of its request's body, and an example.
    pub(super) fn reads<T: JsonSchema>(self, example: &Value) -> Self {
        let schema = self.requests.subschema_for::<T>();
        self.content["requestBody"] = json!({
            "required": true,
            "content": {JSON: {"schema": schema, "example": example}},
        });
        self
    }

    /// As [`Self::reads`], with an example for each of several tasks.
    pub(super) fn reads_one_of<T: JsonSchema>(self, examples: &[(Task, Value)]) -> Self {
        let schema = self.requests.subschema_for::<T>();
        let examples = examples.iter().map(|(task, example)| {
            let name = task.name().to_owned();
            (name, json!({"value": example}))
        });
        let examples: Map<String, Value> = examples.collect();
        self.content["requestBody"] = json!({
            "required": true,
            "content": {JSON: {"schema": schema, "examples": examples}},
        });
        self
    }

    /// The type of its answer.
    pub(super) fn answers<T: JsonSchema>(self) -> Self {
        let mut schema = self.answers.subschema_for::<T>().to_value();
        brief(&mut schema);
        self.answers_in(&json!({JSON: {"schema": schema}}))
    }

    /// The media types of the body, and keys of the query with what each is.
    pub(super) fn reads_in(self, media_types: &[&str], query: &[(&str, &str)]) -> Self {
        let content: Map<String, Value> =
            media_types.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
        self.content["requestBody"] = json!({"required": true, "content": content});
        let parameter = |(name, description): &(&str, &str)| json!({"name": name, "in": "query", "description": description, "schema": {}});
        if !query.is_empty() {
            self.content["parameters"] = query.iter().map(parameter).collect();
        }
        self
    }

    /// The body is a form with fields of this schema.
    pub(super) fn reads_form(self, schema: &Value) -> Self {
        self.content["requestBody"] = json!({
            "required": true,
            "content": {"multipart/form-data": {"schema": schema}},
        });
        self
    }

    /// The body may be a WAV file, too.
    pub(super) fn or_wav(self) -> Self {
        self.content["requestBody"]["content"]["audio/wav"] = json!({});
        self
    }

    /// The type of each line of its answer, which comes as `lines`, or as server-sent events.
    pub(super) fn answers_lines_of<T: JsonSchema>(self, lines: &str) -> Self {
        let mut schema = self.answers.subschema_for::<T>().to_value();
        brief(&mut schema);
        self.answers_in(&json!({lines: {"schema": schema}, "text/event-stream": {}}))
    }

    /// The content of its answer by media type.
    pub(super) fn answers_in(self, content: &Value) -> Self {
        self.content["responses"]["200"] = json!({"description": "OK", "content": content});
        self
    }

    /// An answer without a body.
    pub(super) fn answers_nothing(self) {
        self.content["responses"]["200"] = json!({"description": "OK"});
    }

    /// The body and the answer may hold tensors in binary, too.
    pub(super) fn or_binary(self) {
        const BINARY: &str = "application/octet-stream";
        self.content["description"] =
            "With inference-header-content-length, the number of bytes of \
            JSON in front, tensors in binary follow the JSON."
                .into();
        self.content["requestBody"]["content"][BINARY] = json!({});
        self.content["responses"]["200"]["content"][BINARY] = json!({});
    }
}

fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(|letter: char| !letter.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        format!("{method}_root")
    } else {
        format!("{method}_{}", words.join("_"))
    }
}

/// What stands for a segment `{name}` of a path.
fn parameter(path: &str, segment: &str) -> Option<Value> {
    let name = segment.strip_prefix('{')?.strip_suffix('}')?;
    // Hugging Face's paths take any model's name for ours.
    let is_ours = path.starts_with("/v1/models/") || name == "model";
    let schema = match name {
        _ if is_ours => return Some(json!({"$ref": format!("#/components/parameters/{name}")})),
        "task" => json!({"enum": super::hugging_face::task_names()}),
        "version" => json!({"const": "1"}),
        _ => json!({"type": "string", "minLength": 1, "examples": ["org/name"]}),
    };
    Some(json!({"name": name, "in": "path", "required": true, "schema": schema}))
}

/// The name of the model in a path, which a function's own document knows.
fn model_parameters() -> Value {
    let parameter = |name: &str| {
        let description = "The name of the model.";
        let schema = json!({"type": "string", "minLength": 1});
        json!({
            "name": name, "in": "path", "required": true, "description": description, "schema": schema
        })
    };
    json!({"id": parameter("id"), "model": parameter("model")})
}

/// Leaves out what says nothing: formats that are Rust's, and defaults of null.
fn shorten(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Object(object) => {
            let format = object.get("format").and_then(Value::as_str);
            if format.is_some_and(|format| {
                ["float", "double"].contains(&format) || format.contains("int")
            }) {
                object.remove("format");
            }
            if object.get("default") == Some(&Value::Null) {
                object.remove("default");
            }
            object.values_mut().for_each(shorten);
        }
        Value::String(text) if text.contains('\n') => *text = text.replace('\n', " "),
        _ => {}
    }
}

/// Leaves out what helps no client: that numbers of answers are at least 0, and which of several forms is
/// for what, as that is told of all of them together.
fn brief(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(brief),
        Value::Object(object) => {
            object.remove("minimum");
            let forms = object.get_mut("anyOf").and_then(Value::as_array_mut);
            forms.into_iter().flatten().filter_map(Value::as_object_mut).for_each(|form| {
                form.remove("description");
            });
            object.values_mut().for_each(brief);
        }
        _ => {}
    }
}

/// An object with a line for each key.
fn lines(object: &Value) -> String {
    let mut lines = String::from("{");
    for (place, (key, value)) in object.as_object().into_iter().flatten().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        // Writing to a string does not fail.
        let _ = write!(lines, "{comma}\n{}:{value}", json!(key));
    }
    lines.push('}');
    lines
}

/// Any JSON object.
pub(super) struct AnyObject;

crate::tasks::schema::by_hand! {
    AnyObject, "AnyObject", {"type": "object"}
}
