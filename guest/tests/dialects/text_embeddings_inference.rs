//! text-embeddings-inference: shapes and errors of its version 1.9.

use pilotlight_guest::service::Service;
use serde_json::{Value, json};

use crate::support::{get, post, post_text, service};

thread_local! {
    static EMBEDDER: Service = service("mpnet-sentence-embeddings");
    static CLASSIFIER: Service = service("roberta-text-classification");
    static RERANKER: Service = service("electra-reranking");
    static NER: Service = service("electra-token-classification");
}

const EMBEDDING_ROUTES: [&str; 2] = ["/embed", "/embed_all"];

fn embedder(path: &str, body: Value) -> Value {
    EMBEDDER.with(|service| post(service, path, &body).ok())
}

/// Status and `error_type`; the text of the error has to name `named`.
fn refused(
    service: &'static std::thread::LocalKey<Service>,
    path: &str,
    body: &str,
    named: &str,
) -> (u16, String) {
    let reply = service.with(|service| post_text(service, path, body));
    let error = reply.json();
    let keys: Vec<&String> = error.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["error", "error_type"], "{error}");
    let text = error["error"].as_str().unwrap();
    assert!(text.contains(named), "{path} {body}: {text}");
    (reply.status, error["error_type"].as_str().unwrap().to_owned())
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn length(vector: &[f64]) -> f64 {
    vector.iter().map(|value| value * value).sum::<f64>().sqrt()
}

#[test]
fn embeddings_are_a_list_of_normalized_vectors_even_of_one_text() {
    let one = embedder("/embed", json!({"inputs": "My name is Sarah"}));
    let vector = numbers(&one[0]);
    assert_eq!((one.as_array().unwrap().len(), vector.len()), (1, 32));
    assert!((length(&vector) - 1.0).abs() < 1e-5);
    let many = embedder("/embed", json!({"inputs": ["My name is Sarah", "Paris"]}));
    assert_eq!(many.as_array().unwrap().len(), 2);
    assert_eq!(many[0], one[0]);
}

#[test]
fn unknown_keys_are_ignored_and_null_is_the_default() {
    let plain = embedder("/embed", json!({"inputs": "Paris"}));
    let body = json!({"inputs": "Paris", "truncate": null, "prompt_name": null, "dimensions": null,
        "model": "x", "options": {}});
    assert_eq!(embedder("/embed", body), plain);
}

#[test]
fn vectors_are_cut_and_then_normalized() {
    let plain = embedder("/embed", json!({"inputs": "Paris", "normalize": false}));
    assert!((length(&numbers(&plain[0])) - 1.0).abs() > 1e-2);
    let cut = embedder("/embed", json!({"inputs": "Paris", "dimensions": 5}));
    let cut = numbers(&cut[0]);
    assert_eq!(cut.len(), 5);
    assert!((length(&cut) - 1.0).abs() < 1e-5);
    let expected = numbers(&plain[0]);
    assert!((cut[1] / cut[0] - expected[1] / expected[0]).abs() < 1e-4);
    for dimensions in ["0", "33"] {
        let body = format!(r#"{{"inputs": "Paris", "dimensions": {dimensions}}}"#);
        let expected = (422, "Validation".to_owned());
        assert_eq!(refused(&EMBEDDER, "/embed", &body, "dimensions"), expected);
    }
}

#[test]
fn token_ids_are_embedded_as_the_text_they_spell() {
    let tokens = embedder("/tokenize", json!({"inputs": "paris met", "add_special_tokens": false}));
    let ids: Vec<&Value> = tokens[0].as_array().unwrap().iter().map(|token| &token["id"]).collect();
    let by_ids = embedder("/embed", json!({"inputs": [ids, "paris met"]}));
    assert_eq!(by_ids[0], by_ids[1]);
    let one = embedder("/embed", json!({"inputs": ids}));
    assert_eq!(one[0], by_ids[0]);
    let expected = (422, "Validation".to_owned());
    assert_eq!(refused(&EMBEDDER, "/embed", r#"{"inputs": [99999999]}"#, "token id"), expected);
}

#[test]
fn embed_all_has_a_vector_for_each_token() {
    let body = json!({"inputs": ["paris", "paris met sarah"]});
    let all = embedder("/embed_all", body.clone());
    let tokens = embedder("/tokenize", body);
    for text in [0, 1] {
        let (vectors, tokens) = (all[text].as_array().unwrap(), tokens[text].as_array().unwrap());
        assert_eq!(vectors.len(), tokens.len());
        assert!(vectors.iter().all(|vector| numbers(vector).len() == 32));
    }
}

#[test]
fn what_is_not_wanted_is_cut_at_the_side_that_the_request_names() {
    let long = "paris met sarah ".repeat(40);
    let right = embedder("/embed", json!({"inputs": long}));
    let other = embedder("/embed", json!({"inputs": format!("{long} london berlin")}));
    assert_eq!(right, other);
    for left in ["left", "Left"] {
        let body = |text: &str| json!({"inputs": text, "truncation_direction": left});
        let one = embedder("/embed", body(&format!("london berlin {long}")));
        assert_eq!(one, embedder("/embed", body(&long)));
    }
    for path in EMBEDDING_ROUTES {
        let body = json!({"inputs": long, "truncate": false}).to_string();
        assert_eq!(refused(&EMBEDDER, path, &body, "tokens"), (413, "Validation".to_owned()));
    }
}

#[test]
fn bad_requests_for_embeddings_are_refused() {
    let many = json!({"inputs": vec!["a"; 257]}).to_string();
    for path in EMBEDDING_ROUTES {
        for (body, status, kind, named) in [
            ("", 400, "Validation", "empty"),
            ("{", 400, "Validation", "JSON"),
            ("[]", 422, "Validation", "object"),
            ("{}", 422, "Validation", "inputs"),
            (r#"{"inputs": 1}"#, 422, "Validation", "inputs"),
            (r#"{"inputs": [-1]}"#, 422, "Validation", "inputs"),
            (r#"{"inputs": "a", "truncate": "yes"}"#, 422, "Validation", "truncate"),
            (
                r#"{"inputs": "a", "truncation_direction": "up"}"#,
                422,
                "Validation",
                "truncation_direction",
            ),
            (r#"{"inputs": "a", "prompt_name": "x"}"#, 422, "Validation", "document, query"),
            (r#"{"inputs": []}"#, 400, "Empty", "inputs"),
            (r#"{"inputs": ""}"#, 400, "Empty", "inputs"),
            (r#"{"inputs": ["a", ""]}"#, 400, "Empty", "inputs"),
            (&many, 413, "Validation", "257"),
        ] {
            assert_eq!(refused(&EMBEDDER, path, body, named), (status, kind.to_owned()), "{body}");
        }
    }
    let body = r#"{"inputs": "a", "normalize": 1}"#;
    assert_eq!(refused(&EMBEDDER, "/embed", body, "normalize").0, 422);
}

#[test]
fn a_model_of_another_kind_is_a_failed_dependency() {
    let body = r#"{"inputs": "a", "query": "a", "texts": ["b"]}"#;
    let backend = || (424, "Backend".to_owned());
    for (service, path, named) in [
        (&CLASSIFIER, "/embed", "not an embedding model"),
        (&CLASSIFIER, "/embed_all", "not an embedding model"),
        (&CLASSIFIER, "/similarity", "not an embedding model"),
        (&CLASSIFIER, "/rerank", "not a re-ranker"),
        (&EMBEDDER, "/embed_sparse", "SPLADE"),
        (&EMBEDDER, "/predict", "not a classifier model"),
        (&EMBEDDER, "/rerank", "not a re-ranker"),
        (&NER, "/predict", "not a classifier model"),
    ] {
        assert_eq!(refused(service, path, body, named), backend(), "{path}");
    }
}

#[test]
fn answers_tell_what_they_took() {
    let body = json!({"inputs": ["Zoë", "Paris"]});
    EMBEDDER.with(|service| {
        let reply = post(service, "/embed", &body);
        let tokens: usize = embedder("/tokenize", body.clone())
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_array().unwrap().len())
            .sum();
        assert_eq!(reply.header("x-compute-type"), Some("cpu"));
        assert_eq!(reply.header("x-compute-characters"), Some("8"));
        assert_eq!(reply.header("x-compute-tokens"), Some(&tokens.to_string()[..]));
        assert_eq!(reply.header("x-queue-time"), Some("0"));
        assert!(reply.header("x-compute-time").unwrap().parse::<u64>().is_ok());
        assert!(post(service, "/tokenize", &body).headers.is_empty());
    });
}

#[test]
fn predictions_are_all_labels_best_first() {
    let predict = |inputs: Value, raw: bool| {
        let body = json!({"inputs": inputs, "raw_scores": raw});
        CLASSIFIER.with(|service| post(service, "/predict", &body).ok())
    };
    let text = "I love this phone: the battery lasts two days.";
    let one = predict(json!(text), false);
    let scores: Vec<f64> =
        one.as_array().unwrap().iter().map(|label| label["score"].as_f64().unwrap()).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b) && scores.len() > 1);
    assert!((scores.iter().sum::<f64>() - 1.0).abs() < 1e-5);
    assert_eq!(one[0]["label"], "negative");
    assert!((scores[0] - 0.66742992).abs() < 2e-4);
    assert_eq!(predict(json!([text]), false), one);
    let batch = predict(json!([[text], ["a", "b"]]), false);
    assert_eq!(batch[0], one);
    // Two strings are a pair, not two texts.
    assert_eq!(batch[1], predict(json!(["a", "b"]), false));
    let raw = predict(json!(text), true);
    let sum: f64 =
        raw.as_array().unwrap().iter().map(|label| label["score"].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() > 1e-3);
}

#[test]
fn bad_requests_for_predictions_are_refused() {
    let many = json!({"inputs": vec![["a"]; 257]}).to_string();
    for (body, status, kind) in [
        (r#"{"inputs": []}"#, 422, "Validation"),
        (r#"{"inputs": ["a", "b", "c"]}"#, 422, "Validation"),
        (r#"{"inputs": [["a"], "b"]}"#, 422, "Validation"),
        (r#"{"inputs": [["a", "b", "c"]]}"#, 422, "Validation"),
        (r#"{"inputs": [[]]}"#, 422, "Validation"),
        (r#"{"inputs": [[1]]}"#, 422, "Validation"),
        (r#"{"inputs": {"text": "a"}}"#, 422, "Validation"),
        (r#"{"inputs": ""}"#, 400, "Empty"),
        (&many, 413, "Validation"),
    ] {
        assert_eq!(refused(&CLASSIFIER, "/predict", body, "inputs"), (status, kind.to_owned()));
    }
}

#[test]
fn texts_are_ranked_best_first() {
    let texts = ["The capital of France is Paris.", "The weather in Paris is mild."];
    let query = "What is the capital of France?";
    let rank = |more: Value| {
        let mut body = json!({"query": query, "texts": texts, "top_n": 1});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        RERANKER.with(|service| post(service, "/rerank", &body).ok())
    };
    let ranks = rank(json!({}));
    assert_eq!((ranks[0]["index"].as_u64(), ranks[1]["index"].as_u64()), (Some(1), Some(0)));
    assert!((ranks[0]["score"].as_f64().unwrap() - 0.814_460_69_f64).abs() < 2e-4);
    assert!(ranks[0].get("text").is_none());
    let raw =
        rank(json!({"raw_scores": true, "return_text": true, "truncation_direction": "Right"}));
    assert_eq!(raw[0]["text"], texts[1]);
    let logit = raw[0]["score"].as_f64().unwrap();
    assert!((1.0 / (1.0 + (-logit).exp()) - 0.814_460_69_f64).abs() < 2e-4);
}

#[test]
fn bad_requests_for_ranks_are_refused() {
    let many = json!({"query": "a", "texts": vec!["a"; 257]}).to_string();
    for (body, status, kind, named) in [
        (r#"{"query": "a", "texts": []}"#, 400, "Empty", "texts"),
        (r#"{"query": "", "texts": [""]}"#, 400, "Empty", "texts"),
        (r#"{"texts": ["a"]}"#, 422, "Validation", "query"),
        (r#"{"query": "a", "texts": "b"}"#, 422, "Validation", "texts"),
        (r#"{"query": "a", "texts": [1]}"#, 422, "Validation", "texts"),
        (&many, 413, "Validation", "257"),
    ] {
        assert_eq!(refused(&RERANKER, "/rerank", body, named), (status, kind.to_owned()));
    }
}

#[test]
fn similarities_are_cosines_in_order() {
    let inputs = json!({"source_sentence": "Paris", "sentences": ["London", "Paris"]});
    let similar = numbers(&embedder("/similarity", json!({"inputs": inputs})));
    assert!((similar[1] - 1.0).abs() < 1e-5 && similar[0] < similar[1]);
    let body = json!({"inputs": inputs, "parameters": {"truncate": null, "prompt_name": null}});
    assert_eq!(numbers(&embedder("/similarity", body)), similar);
    for (body, status, kind, named) in [
        (r#"{"inputs": {"source_sentence": "a", "sentences": []}}"#, 400, "Empty", "sentences"),
        (r#"{"inputs": {"source_sentence": "a"}}"#, 422, "Validation", "sentences"),
        (r#"{"inputs": "a"}"#, 422, "Validation", "inputs"),
    ] {
        assert_eq!(refused(&EMBEDDER, "/similarity", body, named), (status, kind.to_owned()));
    }
}

#[test]
fn tokens_have_places_in_bytes_and_special_ones_have_none() {
    let tokens = NER.with(|service| post(service, "/tokenize", &json!({"inputs": "é sarah"})).ok());
    let tokens = tokens[0].as_array().unwrap();
    assert_eq!(
        tokens[0],
        json!({"id": tokens[0]["id"], "text": "[CLS]", "special": true, "start": null, "stop": null})
    );
    assert_eq!(tokens[tokens.len() - 1]["text"], "[SEP]");
    let text = "é sarah";
    let mut end = 0;
    for token in &tokens[1..tokens.len() - 1] {
        let place = |key: &str| token[key].as_u64().unwrap() as usize;
        let (start, stop) = (place("start"), place("stop"));
        assert!(start >= end && token["special"] == false);
        assert_eq!(token["text"], text[start..stop]);
        end = stop;
    }
    assert_eq!(end, text.len());
}

#[test]
fn texts_are_tokenized_and_decoded() {
    let tokens =
        embedder("/tokenize", json!({"inputs": ["paris", ""], "add_special_tokens": false}));
    assert_eq!(tokens[1], json!([]));
    assert!(tokens[0].as_array().unwrap().iter().all(|token| token["special"] == false));
    let whole = embedder("/tokenize", json!({"inputs": "paris"}));
    let ids: Vec<&Value> = whole[0].as_array().unwrap().iter().map(|token| &token["id"]).collect();
    assert_eq!(embedder("/decode", json!({"ids": ids})), json!(["paris"]));
    let with_special =
        embedder("/decode", json!({"ids": [ids, ids], "skip_special_tokens": false}));
    assert!(with_special[1].as_str().unwrap().len() > "paris".len());
    for (path, body, status, kind, named) in [
        ("/tokenize", r#"{"inputs": []}"#, 400, "Empty", "inputs"),
        ("/tokenize", r#"{"inputs": [1]}"#, 422, "Validation", "inputs"),
        ("/decode", r#"{"ids": []}"#, 400, "Empty", "ids"),
        ("/decode", r#"{"ids": ["a"]}"#, 422, "Validation", "ids"),
        ("/decode", r#"{"ids": [1.5]}"#, 422, "Validation", "ids"),
        ("/decode", r#"{"ids": [4294967295]}"#, 422, "Validation", "token id"),
    ] {
        assert_eq!(refused(&EMBEDDER, path, body, named), (status, kind.to_owned()), "{body}");
    }
}

#[test]
fn health_has_no_body() {
    EMBEDDER.with(|service| {
        let reply = get(service, "/health");
        assert_eq!((reply.status, reply.body.len()), (200, 0));
    });
}

#[test]
fn info_has_the_keys_of_text_embeddings_inference() {
    let info = |service: &'static std::thread::LocalKey<Service>| {
        service.with(|service| get(service, "/info").ok())
    };
    let embedder = info(&EMBEDDER);
    assert_eq!(embedder["model_id"], embedder["model"]);
    assert_eq!(embedder["model_dtype"], "float32");
    assert_eq!(embedder["model_type"], json!({"embedding": {"pooling": "mean"}}));
    assert_eq!(embedder["max_input_length"], 32);
    assert_eq!(embedder["max_client_batch_size"], 256);
    assert_eq!(embedder["max_batch_tokens"], 32 * 256);
    assert_eq!(embedder["auto_truncate"], true);
    assert!(embedder["max_concurrent_requests"].is_u64(), "{embedder}");
    assert_eq!(embedder["version"], env!("CARGO_PKG_VERSION"));
    let classifier = info(&CLASSIFIER)["model_type"]["classifier"].clone();
    assert_eq!(classifier["label2id"][classifier["id2label"]["0"].as_str().unwrap()], 0);
    assert!(info(&RERANKER)["model_type"]["reranker"]["id2label"].is_object());
}
