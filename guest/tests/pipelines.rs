//! Tiny models of many families answer each task as `transformers` and sentence-transformers do.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pilotlight_guest::engine::Placement;
use pilotlight_guest::model::Usage;
use pilotlight_guest::service::{Head, Service};
use pilotlight_model::{Choices, ModelFolder};
use pilotlight_testing::pipelines::{Case, cases, difference, models};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// Cases in which the pipeline leaves out the end of a text, so that they are not compared.
const CUT_SHORT: usize = 12;

/// Where the answer of `service` differs, if it does.
fn check(case: &Case, service: &Service) -> Option<String> {
    let (path, body) = (case.path(), case.body().to_string());
    let head = Head { method: "POST", path: &path, ..Head::default() };
    let found = service
        .route(head)
        .and_then(|endpoint| service.answer(&endpoint, body.as_bytes(), &mut Usage::default()));
    match found {
        Ok(found) => case.difference(200, std::str::from_utf8(&found.body).unwrap()),
        Err(error) => case.difference(error.status(), &error.to_string()),
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

fn load(folder: &Path) -> Result<Service, String> {
    let signature =
        |file: &Path| pilotlight_onnx::signature(file).map_err(|error| error.to_string());
    let folder = ModelFolder::detect(folder, &Choices::default(), &signature);
    let folder = folder.map_err(|error| error.to_string())?;
    Service::load(&folder, Placement::default()).map_err(|error| error.to_string())
}

#[test]
fn answers_are_those_of_the_pipelines() {
    let mut wrong = Vec::new();
    let (mut asked, mut cut_short) = (0, 0);
    for folder in models() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let service = match load(&folder) {
            Ok(service) => service,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        for (number, case) in cases(&folder).iter().enumerate() {
            asked += 1;
            if case.is_cut_short() {
                cut_short += 1;
                continue;
            }
            let difference = if case.files.is_empty() {
                check(case, &service)
            } else {
                load(changed(&folder, &case.files).path())
                    .map_or_else(Some, |service| check(case, &service))
            };
            let task = case.task;
            wrong.extend(difference.map(|text| format!("{name} {number} {task}: {text}")));
        }
    }
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(cut_short, CUT_SHORT, "of {asked} cases");
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
