//! Answers have the keys and types that the servers document whose interfaces these are: the OpenAPI documents of
//! text-embeddings-inference 1.9 and of the Open Inference Protocol, the API references of OpenAI, Cohere and
//! Jina, and the protocol classes of vLLM 0.18.

use serde_json::{Value, json};

use crate::client::{get, post, posted, service};

/// Keys below each other, `*` for each of at least one element, and the type of the value; of two types, one.
type Shape = &'static [(&'static str, &'static str)];

const EMBEDDER: &str = "mpnet-sentence-embeddings";
const CLASSIFIER: &str = "albert-text-classification";
const RERANKER: &str = "electra-reranking";
const NER: &str = "electra-token-classification";

const EMBEDDINGS: Shape = &[
    ("object", "string"),
    ("data/*/object", "string"),
    ("data/*/index", "integer"),
    ("data/*/embedding/*", "number"),
    ("model", "string"),
    ("usage/prompt_tokens", "integer"),
    ("usage/total_tokens", "integer"),
];
const MODERATIONS: Shape = &[
    ("id", "string"),
    ("model", "string"),
    ("results/*/flagged", "boolean"),
    ("results/*/categories/harassment", "boolean"),
    ("results/*/categories/self-harm/intent", "boolean"),
    ("results/*/category_scores/harassment", "number"),
    ("results/*/category_applied_input_types/harassment", "array"),
];
const MODEL: Shape =
    &[("id", "string"), ("object", "string"), ("created", "integer"), ("owned_by", "string")];
const MODELS: Shape = &[
    ("object", "string"),
    ("data/*/id", "string"),
    ("data/*/object", "string"),
    ("data/*/created", "integer"),
    ("data/*/owned_by", "string"),
];
const TOKENS: Shape = &[
    ("*/*/id", "integer"),
    ("*/*/text", "string"),
    ("*/*/special", "boolean"),
    ("*/*/start", "integer|null"),
    ("*/*/stop", "integer|null"),
];
const INFO: Shape = &[
    ("model_id", "string"),
    ("model_dtype", "string"),
    ("model_type", "object"),
    ("max_concurrent_requests", "integer"),
    ("max_input_length", "integer"),
    ("max_batch_tokens", "integer"),
    ("max_client_batch_size", "integer"),
    ("auto_truncate", "boolean"),
    ("tokenization_workers", "integer"),
    ("version", "string"),
];
/// Cohere's, versions 1 and 2.
const COHERE: Shape = &[
    ("id", "string"),
    ("results/*/index", "integer"),
    ("results/*/relevance_score", "number"),
    ("meta/api_version/version", "string"),
    ("meta/billed_units/search_units", "number"),
];
/// Jina's and vLLM's.
const JINA: Shape = &[
    ("id", "string"),
    ("model", "string"),
    ("usage/total_tokens", "integer"),
    ("results/*/index", "integer"),
    ("results/*/relevance_score", "number"),
    ("results/*/document/text", "string"),
];
/// What vLLM's answers have in common.
const VLLM: Shape = &[
    ("id", "string"),
    ("object", "string"),
    ("created", "integer"),
    ("model", "string"),
    ("usage/prompt_tokens", "integer"),
    ("usage/total_tokens", "integer"),
    ("usage/completion_tokens", "integer|null"),
];
const CLASSIFIED: Shape = &[
    ("data/*/index", "integer"),
    ("data/*/label", "string|null"),
    ("data/*/probs/*", "number"),
    ("data/*/num_classes", "integer"),
];
const SCORED: Shape =
    &[("data/*/index", "integer"), ("data/*/object", "string"), ("data/*/score", "number")];
const POOLED: Shape =
    &[("data/*/index", "integer"), ("data/*/object", "string"), ("data/*/data/*", "number")];
const SERVER: Shape = &[("name", "string"), ("version", "string"), ("extensions/*", "string")];
const METADATA: Shape = &[
    ("name", "string"),
    ("versions/*", "string"),
    ("platform", "string"),
    ("inputs/*/name", "string"),
    ("inputs/*/datatype", "string"),
    ("inputs/*/shape/*", "integer"),
    ("outputs/*/name", "string"),
    ("outputs/*/datatype", "string"),
    ("outputs/*/shape/*", "integer"),
];
const INFERENCE: Shape = &[
    ("model_name", "string"),
    ("model_version", "string"),
    ("id", "string"),
    ("outputs/*/name", "string"),
    ("outputs/*/datatype", "string"),
    ("outputs/*/shape/*", "integer"),
    ("outputs/*/data", "array"),
];

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    }
}

/// The longest beginning of the path that is a key of the value: keys can have slashes.
fn key<'a>(value: &Value, path: &'a str) -> Option<(&'a str, &'a str)> {
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    let split = |end: usize| (&path[..end], path[end..].trim_start_matches('/'));
    ends.map(split).rfind(|(key, _)| value.get(key).is_some())
}

fn check(value: &Value, path: &str, kinds: &str) -> Result<(), String> {
    if path.is_empty() {
        let fits = kinds.split('|').any(|kind| is(kind, value));
        return if fits { Ok(()) } else { Err(format!("{value} is no {kinds}")) };
    }
    if let Some(rest) = path.strip_prefix('*') {
        let items = value.as_array().filter(|items| !items.is_empty());
        let items = items.ok_or_else(|| format!("{value} is no list of anything"))?;
        return items.iter().try_for_each(|item| check(item, rest.trim_start_matches('/'), kinds));
    }
    let (key, rest) = key(value, path).ok_or_else(|| format!("{value} has no {path}"))?;
    check(&value[key], rest, kinds)
}

fn check_all(about: &str, value: &Value, shapes: &[Shape]) {
    for (path, kinds) in shapes.iter().copied().flatten() {
        check(value, path, kinds).unwrap_or_else(|error| panic!("{about}, {path}: {error}"));
    }
}

/// What a route of a model answers to a request has these shapes.
type Row = (&'static str, &'static str, Value, &'static [Shape]);

fn check_rows(rows: Vec<Row>) {
    for (model, path, request, shapes) in rows {
        let service = service(model);
        let path = path.replace("{model}", model);
        let answer = match request.is_null() {
            true => {
                let (status, answer) = get(&service, &path);
                assert_eq!(status, 200, "{path}: {answer}");
                answer
            }
            false => posted(&service, &path, &request),
        };
        check_all(&path, &answer, shapes);
    }
}

#[test]
fn answers_of_text_embeddings_inference() {
    let inputs = || json!({"inputs": ["Paris", "It rains."]});
    let ranked = || json!({"query": "Paris", "texts": ["London", "Paris"]});
    let sentences = json!({"source_sentence": "Paris", "sentences": ["London", "It rains."]});
    let with_text = json!({"query": "Paris", "texts": ["London"], "return_text": true});
    check_rows(vec![
        (EMBEDDER, "/embed", inputs(), &[&[("*/*", "number")]]),
        (EMBEDDER, "/embed_all", inputs(), &[&[("*/*/*", "number")]]),
        (
            CLASSIFIER,
            "/predict",
            json!({"inputs": "Paris"}),
            &[&[("*/label", "string"), ("*/score", "number")]],
        ),
        (
            CLASSIFIER,
            "/predict",
            json!({"inputs": [["Paris"], ["a", "b"]]}),
            &[&[("*/*/label", "string"), ("*/*/score", "number")]],
        ),
        (RERANKER, "/rerank", ranked(), &[&[("*/index", "integer"), ("*/score", "number")]]),
        (RERANKER, "/rerank", with_text, &[&[("*/text", "string")]]),
        (EMBEDDER, "/similarity", json!({ "inputs": sentences }), &[&[("*", "number")]]),
        (EMBEDDER, "/tokenize", inputs(), &[TOKENS]),
        (EMBEDDER, "/decode", json!({"ids": [[5, 6], [7]]}), &[&[("*", "string")]]),
        (EMBEDDER, "/info", Value::Null, &[INFO, &[("model_type/embedding/pooling", "string")]]),
        (
            CLASSIFIER,
            "/info",
            Value::Null,
            &[INFO, &[("model_type/classifier/id2label", "object")]],
        ),
        (RERANKER, "/info", Value::Null, &[INFO, &[("model_type/reranker/label2id", "object")]]),
    ]);
}

#[test]
fn answers_of_openai() {
    let texts = || json!({"model": "any", "input": ["Paris", "It rains."]});
    let encoded = json!({"input": "Paris", "encoding_format": "base64"});
    check_rows(vec![
        (EMBEDDER, "/v1/embeddings", texts(), &[EMBEDDINGS]),
        (EMBEDDER, "/v1/embeddings", encoded, &[&[("data/*/embedding", "string")]]),
        (CLASSIFIER, "/v1/moderations", texts(), &[MODERATIONS]),
        (EMBEDDER, "/v1/models", Value::Null, &[MODELS]),
        (EMBEDDER, "/v1/models/{model}", Value::Null, &[MODEL]),
    ]);
}

#[test]
fn answers_of_cohere_jina_and_vllm() {
    let documents = || json!({"query": "Paris", "documents": ["London", "Paris"]});
    let repeated =
        || json!({"query": "Paris", "documents": ["London", "Paris"], "return_documents": true});
    let scored = || json!({"text_1": "Paris", "text_2": ["London", "It rains."]});
    let texts = || json!({"input": ["Paris", "It rains."]});
    check_rows(vec![
        (RERANKER, "/v1/rerank", documents(), &[COHERE]),
        (RERANKER, "/v2/rerank", documents(), &[COHERE]),
        (RERANKER, "/v1/rerank", repeated(), &[COHERE, JINA]),
        (RERANKER, "/v2/rerank", repeated(), &[COHERE, JINA]),
        (RERANKER, "/rerank", documents(), &[COHERE, JINA]),
        (CLASSIFIER, "/classify", texts(), &[VLLM, CLASSIFIED]),
        (RERANKER, "/score", scored(), &[VLLM, SCORED]),
        (EMBEDDER, "/v1/score", scored(), &[VLLM, SCORED]),
        (EMBEDDER, "/pooling", texts(), &[VLLM, POOLED]),
        (NER, "/pooling", texts(), &[VLLM, &[("data/*/data/*/*", "number")]]),
    ]);
}

#[test]
fn answers_of_the_open_inference_protocol() {
    let text = || json!({"name": "text", "shape": [1], "datatype": "BYTES", "data": ["Paris"]});
    let request = || json!({"id": "7", "inputs": [text()]});
    check_rows(vec![
        (EMBEDDER, "/v2", Value::Null, &[SERVER]),
        (EMBEDDER, "/v2/models/{model}", Value::Null, &[METADATA]),
        (EMBEDDER, "/v2/models/{model}/versions/1", Value::Null, &[METADATA]),
        (
            EMBEDDER,
            "/v2/models/{model}/infer",
            request(),
            &[INFERENCE, &[("outputs/*/data/*", "number")]],
        ),
        (
            NER,
            "/v2/models/{model}/versions/1/infer",
            request(),
            &[INFERENCE, &[("outputs/*/data/*", "string")]],
        ),
    ]);
}

#[test]
fn errors_of_all_of_them() {
    const NAMED: Shape = &[("error", "string"), ("error_type", "string")];
    const OPENAI: Shape = &[
        ("error/message", "string"),
        ("error/type", "string"),
        ("error/param", "string|null"),
        ("error/code", "string|null"),
    ];
    const OF_VLLM: Shape = &[
        ("error/message", "string"),
        ("error/type", "string"),
        ("error/param", "string|null"),
        ("error/code", "integer"),
    ];
    let rows: [(&str, &str, &[Shape]); 12] = [
        (EMBEDDER, "/embed", &[NAMED]),
        (CLASSIFIER, "/predict", &[NAMED]),
        (RERANKER, "/rerank", &[NAMED, &[("message", "string"), ("detail", "string")]]),
        (EMBEDDER, "/similarity", &[NAMED]),
        (EMBEDDER, "/tokenize", &[NAMED]),
        (EMBEDDER, "/v1/embeddings", &[OPENAI]),
        (CLASSIFIER, "/v1/moderations", &[OPENAI]),
        (CLASSIFIER, "/classify", &[OF_VLLM]),
        (RERANKER, "/score", &[OF_VLLM]),
        (EMBEDDER, "/pooling", &[OF_VLLM]),
        (RERANKER, "/v2/rerank", &[OF_VLLM, &[("message", "string"), ("detail", "string")]]),
        (EMBEDDER, "/v2/models/{model}/infer", &[&[("error", "string")]]),
    ];
    for (model, path, shapes) in rows {
        let path = path.replace("{model}", model);
        let (status, answer) = post(&service(model), &path, &json!({}));
        assert!((400..500).contains(&status), "{path}: {status} {answer}");
        check_all(&path, &answer, shapes);
    }
}

#[test]
fn what_is_missing_or_of_another_type_is_found() {
    let value = json!({"data": [{"index": 0, "a/b": true}], "empty": []});
    for (path, kinds) in [("data/*/index", "integer"), ("data/*/a/b", "boolean|null")] {
        assert_eq!(check(&value, path, kinds), Ok(()));
    }
    for (path, kinds) in [
        ("data/*/index", "string"),
        ("data/*/score", "number"),
        ("empty/*", "number"),
        ("data/*/a", "object"),
        ("data/index", "integer"),
    ] {
        assert!(check(&value, path, kinds).is_err(), "{path}");
    }
}
