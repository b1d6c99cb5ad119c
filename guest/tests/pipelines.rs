//! Tiny models of many families answer each task as `transformers` and sentence-transformers do.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pilotlight_guest::engine::Placement;
use pilotlight_guest::model::Usage;
use pilotlight_guest::service::{Head, Service};
use pilotlight_model::{Choices, ModelFolder, Task};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// Numbers that two computations in f32 may differ by, relative to values above one.
const TOLERANCE: f64 = 2e-4;

/// What a model was asked, and what it answered in Python.
#[derive(Deserialize)]
struct Case {
    task: Task,
    request: Value,
    /// None: the pipeline refuses the request.
    answer: Option<Value>,
    /// Keys to set in files of the folder first.
    #[serde(default)]
    files: BTreeMap<String, Map<String, Value>>,
}

impl Case {
    /// The request, with what differs by intent: entities are grouped unless told otherwise, as in
    /// Hugging Face's inference API, and arguments of the tokenizer have keys of their own.
    fn body(&self) -> Value {
        let mut request = self.request.clone();
        let Some(request) = request.as_object_mut() else { return Value::Null };
        let parameters = request.entry("parameters").or_insert_with(|| json!({}));
        if let Some(parameters) = parameters.as_object_mut() {
            if let Some(Value::Object(arguments)) = parameters.remove("tokenizer_kwargs") {
                parameters.extend(arguments);
            }
            if self.task == Task::TokenClassification {
                parameters.entry("aggregation_strategy").or_insert_with(|| json!("none"));
            }
        }
        Value::Object(request.clone())
    }

    /// Whether the pipeline leaves out the end of a text in which all entities are found here.
    fn is_cut_short(&self) -> bool {
        let length = self.request["inputs"].as_str().map_or(0, |text| text.chars().count());
        let end =
            self.answer.as_ref().and_then(|answer| answer.as_array()?.last()?["end"].as_u64());
        self.task == Task::TokenClassification && end.is_some_and(|end| end as usize * 2 < length)
    }

    /// Where the answer of `service` differs, if it does.
    fn check(&self, service: &Service) -> Option<String> {
        if self.is_cut_short() {
            return None;
        }
        let body = self.body().to_string();
        let path = format!("/v1/{}", self.task);
        let head = Head { method: "POST", path: &path, ..Head::default() };
        let found = service
            .route(head)
            .and_then(|endpoint| service.answer(&endpoint, body.as_bytes(), &mut Usage::default()));
        match (&self.answer, found) {
            (Some(answer), Ok(found)) => {
                difference(answer, &serde_json::from_slice(&found.body).unwrap(), "")
            }
            (None, Err(error)) if error.status() == 422 => None,
            (None, Ok(_)) => Some("it is not refused".to_owned()),
            (_, Err(error)) => Some(error.to_string()),
        }
    }
}

/// The folder with keys set in some of its files.
fn changed(folder: &Path, files: &BTreeMap<String, Map<String, Value>>) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_files(folder, copy.path());
    for (name, keys) in files {
        let path = copy.path().join(name);
        let mut value: Map<String, Value> =
            serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        value.extend(keys.clone());
        fs::write(path, Value::Object(value).to_string()).unwrap();
    }
    copy
}

fn copy_files(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_files(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn models() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/testing/models");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut models: Vec<PathBuf> =
        entries.filter(|path| path.join("answers.json").is_file()).collect();
    models.sort();
    models
}

fn load(folder: &Path) -> Result<Service, String> {
    let signature =
        |file: &Path| pilotlight_onnx::signature(file).map_err(|error| error.to_string());
    let folder = ModelFolder::detect(folder, &Choices::default(), &signature);
    let folder = folder.map_err(|error| error.to_string())?;
    Service::load(&folder, Placement::default()).map_err(|error| error.to_string())
}

/// Where two answers differ, if they do.
fn difference(expected: &Value, found: &Value, at: &str) -> Option<String> {
    let differs = || Some(format!("at {at}: {found} instead of {expected}"));
    match (expected, found) {
        (Value::Number(one), Value::Number(two)) => {
            let (one, two) = (one.as_f64().unwrap(), two.as_f64().unwrap());
            if (one - two).abs() <= TOLERANCE * one.abs().max(1.0) { None } else { differs() }
        }
        (Value::Array(one), Value::Array(two)) if one.len() == two.len() => {
            let pairs = one.iter().zip(two).enumerate();
            pairs
                .into_iter()
                .find_map(|(place, (one, two))| difference(one, two, &format!("{at}/{place}")))
        }
        (Value::Object(one), Value::Object(two)) if one.keys().eq(two.keys()) => {
            one.iter().find_map(|(key, value)| difference(value, &two[key], &format!("{at}/{key}")))
        }
        (one, two) if one == two => None,
        _ => differs(),
    }
}

#[test]
fn answers_are_those_of_the_pipelines() {
    let mut wrong = Vec::new();
    let mut asked = 0;
    for folder in models() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let service = match load(&folder) {
            Ok(service) => service,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        let cases: Vec<Case> =
            serde_json::from_str(&fs::read_to_string(folder.join("answers.json")).unwrap())
                .unwrap();
        for (number, case) in cases.iter().enumerate() {
            asked += 1;
            let difference = if case.files.is_empty() {
                case.check(&service)
            } else {
                load(changed(&folder, &case.files).path())
                    .map_or_else(Some, |service| case.check(&service))
            };
            let task = case.task;
            wrong.extend(difference.map(|text| format!("{name} {number} {task}: {text}")));
        }
    }
    assert!(asked > 0, "there are no models");
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
}

/// The answer to a request that is not refused.
fn ask(service: &Service, path: &str, body: &Value) -> Value {
    let head = Head { method: "POST", path, ..Head::default() };
    let endpoint = service.route(head).unwrap();
    let answer = service.answer(&endpoint, body.to_string().as_bytes(), &mut Usage::default());
    serde_json::from_slice(&answer.unwrap().body).unwrap()
}

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/testing/models").join(name)
}

/// A file of a folder with keys set in it.
fn keys(file: &str, keys: Value) -> BTreeMap<String, Map<String, Value>> {
    let Value::Object(keys) = keys else { panic!("{keys} is no object") };
    BTreeMap::from([(file.to_owned(), keys)])
}

#[test]
fn a_cross_encoder_applies_its_own_activation_but_for_clients_of_other_servers() {
    let identity = json!({
        "sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity",
    });
    let folder = changed(&model("electra-reranking"), &keys("config.json", identity));
    let service = load(folder.path()).unwrap();
    let (query, texts) = ("What is the capital of France?", ["Paris.", "The weather is fine."]);
    let ranked = |raw: Value| {
        let inputs = json!({"query": query, "texts": texts});
        let body = json!({"inputs": inputs, "parameters": {"raw_scores": raw}});
        ask(&service, "/v1/reranking", &body)
    };
    let (raw, scaled) = (ranked(json!(true)), ranked(json!(false)));
    assert_ne!(raw, scaled);
    assert_eq!(ranked(Value::Null), raw);
    // Those of other servers are 0 to 1 all the same.
    let body = json!({"query": query, "texts": texts});
    assert_eq!(ask(&service, "/rerank", &body), scaled);
    for path in ["/rerank", "/v1/rerank", "/v2/rerank"] {
        let ranking = ask(&service, path, &json!({"query": query, "documents": texts}));
        assert_eq!(ranking["results"][0]["relevance_score"], scaled[0]["score"], "{path}");
    }
}

#[test]
fn texts_and_prompts_become_lower_case_where_the_folder_says_so() {
    let plain = model("modernbert-sentence-embeddings");
    let lower = changed(&plain, &keys("sentence_bert_config.json", json!({"do_lower_case": true})));
    let (plain, lower) = (load(&plain).unwrap(), load(lower.path()).unwrap());
    for task in ["sentence-embeddings", "feature-extraction"] {
        let path = format!("/v1/{task}");
        let vectors = |service: &Service, text: &str| ask(service, &path, &json!({"inputs": text}));
        let expected = vectors(&plain, "ada lives in Σίσυφος".to_lowercase().as_str());
        assert_ne!(vectors(&plain, "Ada LIVES in Σίσυφος"), expected, "{task}");
        assert_eq!(vectors(&lower, "Ada LIVES in Σίσυφος"), expected, "{task}");
    }
    let prompted = |service: &Service, prompt: &str, text: &str| {
        let body = json!({"inputs": text, "parameters": {"prompt": prompt}});
        ask(service, "/v1/sentence-embeddings", &body)
    };
    assert_eq!(prompted(&lower, "Query: ", "Ada"), prompted(&plain, "query: ", "ada"));
}

#[test]
fn a_graph_that_pools_itself_gives_vectors_of_tokens_too() {
    let pooled = model("xlm-roberta-sentence-embeddings");
    let folder = changed(&pooled, &BTreeMap::new());
    fs::remove_dir_all(folder.path().join("1_Pooling")).unwrap();
    fs::remove_file(folder.path().join("modules.json")).unwrap();
    let (pooled, service) = (load(&pooled).unwrap(), load(folder.path()).unwrap());
    let texts = ["Ada lives in London.", "Paris"];
    let body = json!({"inputs": texts, "parameters": {"normalize": true}});
    let vectors = |service: &Service| ask(service, "/v1/sentence-embeddings", &body);
    assert_eq!(difference(&vectors(&pooled), &vectors(&service), ""), None);
    let body = json!({"inputs": texts});
    let vectors = |service: &Service| ask(service, "/v1/feature-extraction", &body);
    assert_eq!(difference(&vectors(&pooled), &vectors(&service), ""), None);
    let count = |path: &str| ask(&service, path, &body)[1].as_array().unwrap().len();
    assert_eq!(count("/embed_all"), count("/tokenize"));
}

#[test]
fn special_tokens_map_json_alone_may_name_the_token_of_a_gap() {
    let folder = changed(&model("mpnet-fill-mask"), &BTreeMap::new());
    let file = |name: &str| folder.path().join(name);
    let tokenizer = fs::read_to_string(file("tokenizer.json")).unwrap();
    fs::write(file("tokenizer.json"), tokenizer.replace("<mask>", "[GAP]")).unwrap();
    fs::remove_file(file("tokenizer_config.json")).unwrap();
    for named in [json!("[GAP]"), json!({"content": "[GAP]", "lstrip": true})] {
        let map = json!({"mask_token": named});
        fs::write(file("special_tokens_map.json"), map.to_string()).unwrap();
        let service = load(folder.path()).unwrap();
        assert_eq!(service.model().text().unwrap().mask_token.as_deref(), Some("[GAP]"));
    }
}
