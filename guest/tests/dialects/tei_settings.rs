//! text-embeddings-inference: what prompts and the direction of truncation change.

use pilotlight_guest::service::Service;
use serde_json::{Value, json};

use crate::client::{post, posted, service};

/// Its prompts are `search_query: ` and `search_document: `.
const PROMPTED: &str = "nomic-bert-sentence-embeddings";

#[test]
fn a_prompt_of_the_model_stands_in_front_of_each_text() {
    let service = service(PROMPTED);
    let named = |path: &str, name: Value| {
        posted(&service, path, &json!({"inputs": ["Paris", "It rains."], "prompt_name": name}))
    };
    let written = |path: &str, prompt: &str| {
        let texts = ["Paris", "It rains."].map(|text| format!("{prompt}{text}"));
        posted(&service, path, &json!({ "inputs": texts }))
    };
    for path in ["/embed", "/embed_all", "/tokenize"] {
        for (name, prompt) in [("query", "search_query: "), ("document", "search_document: ")] {
            assert_eq!(named(path, json!(name)), written(path, prompt), "{path} {name}");
        }
        assert_ne!(named(path, json!("query")), named(path, json!("document")), "{path}");
        assert_eq!(named(path, Value::Null), written(path, ""), "{path}");
    }
    let similar = |source: &str, sentences: [String; 2], name: Value| {
        let inputs = json!({"source_sentence": source, "sentences": sentences});
        let body = json!({"inputs": inputs, "parameters": {"prompt_name": name}});
        posted(&service, "/similarity", &body)
    };
    let sentences = ["London", "It rains."];
    let by_name = similar("Paris", sentences.map(str::to_owned), json!("query"));
    let prompted = sentences.map(|text| format!("search_query: {text}"));
    assert_eq!(by_name, similar("search_query: Paris", prompted, Value::Null));
    let (status, answer) = post(&service, "/embed", &json!({"inputs": "a", "prompt_name": "x"}));
    assert_eq!((status, &answer["error_type"]), (422, &json!("Validation")), "{answer}");
}

/// Of a text that is too long one end is left out, and nothing else: what is added there changes nothing.
fn check_direction(service: &Service, path: &str, made: impl Fn(&str, &str) -> Value) {
    let long = "the weather in paris is mild and ".repeat(50);
    let (begun, ended) = (format!("london {long}"), format!("{long} london"));
    let ask = |text: &str, direction: &str| posted(service, path, &made(text, direction));
    for (left, right) in [("Left", "Right"), ("left", "right")] {
        assert_eq!(ask(&ended, right), ask(&long, right), "{path}");
        assert_eq!(ask(&begun, left), ask(&long, left), "{path}");
        assert_ne!(ask(&begun, right), ask(&long, right), "{path}");
        assert_ne!(ask(&ended, left), ask(&long, left), "{path}");
    }
}

#[test]
fn the_direction_of_truncation_says_which_end_is_left_out() {
    let embedder = service("mpnet-sentence-embeddings");
    for path in ["/embed", "/embed_all"] {
        check_direction(
            &embedder,
            path,
            |text, direction| json!({"inputs": text, "truncate": true, "truncation_direction": direction}),
        );
    }
    check_direction(&embedder, "/similarity", |text, direction| {
        let inputs = json!({"source_sentence": "paris", "sentences": [text]});
        json!({"inputs": inputs, "parameters": {"truncation_direction": direction}})
    });
    check_direction(
        &service("albert-text-classification"),
        "/predict",
        |text, direction| json!({"inputs": text, "truncation_direction": direction}),
    );
    check_direction(
        &service("electra-reranking"),
        "/rerank",
        |text, direction| json!({"query": "paris", "texts": [text], "truncation_direction": direction}),
    );
}
