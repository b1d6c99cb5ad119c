//! Requests with many texts: in parts they are answered as in one piece.

use std::collections::BTreeSet;

use pilotlight_guest::service::Service;
use pilotlight_model::Task;
use pilotlight_wire::split::{COUNTS, List, Split, join};
use serde_json::{Value, json};

use super::support::{Reply, post_text, service};

fn split_of(split: &pilotlight_guest::dialects::Split) -> Split {
    let owned = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
    Split {
        path: split.path.to_owned(),
        texts: split.texts.to_owned(),
        answers: split.answers.to_owned(),
        index: split.index.map(str::to_owned),
        sorted_by: split.sorted_by.map(str::to_owned),
        limits: owned(split.limits),
        sums: owned(split.sums),
    }
}

/// A request that `split` is about.
fn request(split: &Split, task: Task, texts: &[String]) -> Value {
    let mut request = match split.texts.as_str() {
        "inputs.sentences" => json!({"inputs": {"source_sentence": "Ada", "sentences": texts}}),
        "inputs.texts" => json!({"inputs": {"query": "Ada", "texts": texts}}),
        "texts" => json!({"query": "Ada", "texts": texts}),
        "documents" => json!({"query": "Ada", "documents": texts}),
        key => json!({ key: texts }),
    };
    let named = split.path.starts_with("/v1/")
        && !split.path.ends_with(Task::ZeroShotClassification.name());
    if task == Task::ZeroShotClassification && split.texts == "inputs" && !named {
        request["parameters"] = json!({"candidate_labels": ["a", "b"]});
    }
    request
}

/// The JSON with all that depends on the bytes of the request left out.
fn without_id(json: &[u8]) -> Value {
    let mut value: Value = serde_json::from_slice(json).unwrap();
    if let Some(object) = value.as_object_mut() {
        object.remove("id");
    }
    value
}

/// What a header of an answer counts.
fn counted(reply: &Reply, name: &str) -> Option<u64> {
    Some(reply.header(name)?.parse().unwrap())
}

fn check(service: &Service, split: &Split, request: &Value) {
    let body = request.to_string();
    let whole = post_text(service, &split.path, &body);
    assert_eq!(whole.status, 200, "{} {}", split.path, whole.json());
    let list = List::read(split, body.as_bytes()).unwrap();
    let limit = list.limit();
    for count in [2, 3] {
        let list = List::read(split, body.as_bytes()).unwrap();
        let parts = list.parts(split, count).unwrap();
        let answers: Vec<_> = parts
            .iter()
            .map(|part| {
                let text = std::str::from_utf8(&part.body).unwrap();
                (part.texts.start, post_text(service, &split.path, text))
            })
            .collect();
        for count in COUNTS {
            let whole_count = counted(&whole, count.name);
            let found = count
                .whole(answers.iter().map(|(_, reply)| reply), |reply, name| counted(reply, name));
            assert_eq!(found, whole_count, "{} {}", split.path, count.name);
        }
        let answers: Vec<_> =
            answers.iter().map(|(first, reply)| (*first, &reply.body[..])).collect();
        let joined = join(split, limit, &answers).unwrap();
        assert_eq!(without_id(&joined), without_id(&whole.body), "{} in {count}", split.path);
    }
}

/// Paths that answer any task take bodies of tasks that a model may not have.
fn is_answered(service: &Service, split: &Split, request: &Value) -> bool {
    !matches!(split.path.as_str(), "/" | "/hf-inference")
        || post_text(service, &split.path, &request.to_string()).status == 200
}

#[test]
fn parts_are_answered_as_the_whole_is() {
    let mut checked = BTreeSet::new();
    for model in [
        "albert-fill-mask",
        "albert-text-classification",
        "electra-feature-extraction",
        "electra-reranking",
        "electra-token-classification",
        "distilbert-zero-shot-classification",
        "gte-v1.5-sentence-embeddings",
        "roberta-text-classification",
    ] {
        let service = service(model);
        let task = service.description().task;
        let mask = if task == Task::FillMask { "[MASK]" } else { "" };
        let texts = ["Ada met Bob.", "In Paris, in Rome and in Berlin, it rains.", "Ada", "Ada"];
        let texts = texts.map(|text| format!("{text} {mask}"));
        for split in service.description().splits.iter().map(split_of) {
            let mut request = request(&split, task, &texts);
            if !is_answered(&service, &split, &request) {
                continue;
            }
            check(&service, &split, &request);
            if split.limits.iter().any(|limit| limit == "top_n") {
                request["top_n"] = json!(2);
                check(&service, &split, &request);
            }
            checked.insert((split.path, split.texts));
        }
    }
    assert_eq!(checked.len(), 27, "{checked:?}");
}
