//! Schemas of requests take what models take, and nothing else.

use serde_json::{Value, json};

use super::validator::Validator;
use super::{doubling, filled, own_document};
use crate::support::{post, service};

/// Requests of a path, and whether they are taken.
type Requests = Vec<(&'static str, Value, bool)>;

fn check(service: &pilotlight_guest::service::Service, requests: Requests) {
    let document = own_document(service);
    for (path, request, taken) in requests {
        let operation = &document["paths"][path]["post"];
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{path}");
        let valid = Validator(&document).check(schema, &request);
        assert_eq!(valid.is_ok(), taken, "schema: {path} {request} {valid:?}");
        let reply = post(service, &filled(path, service), &request);
        assert_eq!(reply.status == 200, taken, "{path} {request}: {}", reply.json());
    }
}

#[test]
fn requests_of_embedders() {
    check(
        &service("mpnet-sentence-embeddings"),
        vec![
            ("/v1/embeddings", json!({"input": "a"}), true),
            ("/v1/embeddings", json!({"input": ["a", [4, 5]], "user": "x"}), true),
            ("/v1/embeddings", json!({"input": [4, 5], "dimensions": 5.0}), true),
            ("/v1/embeddings", json!({"input": "a", "dimensions": null, "truncate": null}), true),
            ("/v1/embeddings", json!({"input": "a", "encoding_format": null}), true),
            ("/v1/embeddings", json!({"input": "a", "encoding_format": "base64"}), true),
            ("/v1/embeddings", json!({"input": "a", "encoding_format": "int8"}), false),
            ("/v1/embeddings", json!({"input": "a", "dimensions": 0}), false),
            ("/v1/embeddings", json!({"input": "a", "dimensions": 1.5}), false),
            ("/v1/embeddings", json!({"input": "a", "dimensions": "5"}), false),
            ("/v1/embeddings", json!({"input": []}), false),
            ("/v1/embeddings", json!({"input": [[["a"]]]}), false),
            ("/v1/embeddings", json!({"input": [4, "a"]}), false),
            ("/v1/embeddings", json!({"input": null}), false),
            ("/v1/embeddings", json!({}), false),
            ("/embed", json!({"inputs": "a", "truncation_direction": "Left"}), true),
            ("/embed", json!({"inputs": "a", "normalize": null, "else": 1}), true),
            ("/embed", json!({"inputs": ["a", ""]}), false),
            ("/embed", json!({"inputs": "a", "truncation_direction": "up"}), false),
            ("/embed", json!({"inputs": "a", "truncate": "true"}), false),
            ("/similarity", json!({"inputs": {"source_sentence": "a", "sentences": ["b"]}}), true),
            ("/similarity", json!({"inputs": {"source_sentence": "a", "sentences": []}}), false),
            ("/similarity", json!({"inputs": {"source_sentence": "", "sentences": ["b"]}}), false),
            ("/decode", json!({"ids": [4, 5]}), true),
            ("/decode", json!({"ids": [[4], [5]]}), true),
            ("/decode", json!({"ids": ["a"]}), false),
            ("/decode", json!({"ids": 4}), false),
            ("/v1/sentence-embeddings", json!({"inputs": "a", "parameters": null}), true),
            ("/v1/sentence-embeddings", json!({"inputs": "a", "options": 5}), true),
            ("/v1/sentence-embeddings", json!({"inputs": "a", "other": 5}), false),
            ("/v1/sentence-embeddings", json!({"inputs": "a", "parameters": {"x": 1}}), false),
            (
                "/v1/sentence-embeddings",
                json!({"inputs": "a", "parameters": {"truncation": "only_first"}}),
                true,
            ),
            (
                "/v1/sentence-embeddings",
                json!({"inputs": "a", "parameters": {"truncation": true, "truncate": true}}),
                false,
            ),
            ("/score", json!({"text_1": "a", "text_2": {"text": "b"}}), true),
            ("/score", json!({"queries": "a", "documents": ["b", "c"]}), true),
            ("/score", json!({"data_1": "a", "text_1": null, "items": "b"}), true),
            ("/score", json!({"text_1": "a"}), false),
            ("/score", json!({"text_1": "a", "text_2": {"text": 5}}), false),
            ("/pooling", json!({"input": "a", "endianness": "native", "softmax": null}), true),
            ("/pooling", json!({"input": "a", "endianness": "big"}), false),
            ("/pooling", json!({"input": "a", "embed_dtype": "float16"}), false),
            ("/", json!({"inputs": ["a"], "normalize": true, "x": 1}), true),
            ("/", json!({"inputs": "a", "parameters": {"dimensions": 2.0, "x": 1}}), true),
            ("/", json!({"inputs": 5}), false),
            ("/", json!({"text": "a"}), false),
            ("/", json!({"inputs": {"question": "a", "context": "b"}}), false),
            ("/", json!({"inputs": [{"name": "x", "shape": [1], "datatype": "FP32"}]}), false),
            ("/v1/embeddings", json!({"input": [[4_294_967_294_u32]]}), false),
            ("/decode", json!({"ids": [4_294_967_294_u32]}), false),
            ("/embed", json!({"inputs": "a", "prompt_name": null}), true),
            ("/embed", json!({"inputs": "a", "prompt_name": ""}), false),
            ("/embed", json!({"inputs": "a", "prompt_name": "query"}), true),
            ("/score", json!({"data_1": null, "data_2": null}), false),
            ("/score", json!({"data_1": null, "text_1": "a", "items": "b"}), true),
            ("/pooling", json!({"input": "a", "truncate_prompt_tokens": 0}), false),
            ("/pooling", json!({"input": "a", "truncate_prompt_tokens": 100_000}), true),
            ("/pooling", json!({"input": "a", "truncate_prompt_tokens": 8}), true),
            ("/v1/embeddings", json!({"input": "a", "truncate_prompt_tokens": -1}), true),
            ("/v1/embeddings", json!({"input": "a", "truncate_prompt_tokens": 0}), false),
            ("/v1/embeddings", json!({"input": "a", "truncation_side": "up"}), false),
        ],
    );
}

#[test]
fn requests_of_classifiers() {
    check(
        &service("roberta-text-classification"),
        vec![
            ("/predict", json!({"inputs": "a", "raw_scores": null}), true),
            ("/predict", json!({"inputs": [["a", "b"], ["c"]]}), true),
            ("/predict", json!({"inputs": [["a", "b", "c"]]}), false),
            ("/predict", json!({"inputs": ["a", 5]}), false),
            ("/predict", json!({"inputs": ["a", ""]}), true),
            ("/predict", json!({"inputs": ["", "a"]}), false),
            ("/predict", json!({"inputs": [["", ""]]}), false),
            ("/predict", json!({"inputs": {"text": "a"}}), false),
            ("/v1/moderations", json!({"input": "a", "model": 5}), true),
            ("/v1/moderations", json!({"input": [{"type": "text", "text": "a"}]}), true),
            ("/v1/moderations", json!({"input": [{"type": "image_url"}]}), false),
            ("/v1/moderations", json!({"input": []}), false),
            ("/classify", json!({"input": ["a"], "truncate_prompt_tokens": -1}), true),
            ("/classify", json!({"input": ["a"], "truncate_prompt_tokens": "1"}), false),
            ("/v1/text-classification", json!({"inputs": {"text": "a", "text_pair": "b"}}), true),
            ("/v1/text-classification", json!({"inputs": {"text": "a", "pair": "b"}}), false),
            (
                "/v1/text-classification",
                json!({"inputs": ["a"], "parameters": {"top_k": null, "function_to_apply": null}}),
                true,
            ),
            (
                "/v1/text-classification",
                json!({"inputs": ["a"], "parameters": {"function_to_apply": "tanh"}}),
                false,
            ),
            (
                "/v1/text-classification",
                json!({"inputs": ["a"], "parameters": {"function_to_apply": "Sigmoid"}}),
                true,
            ),
        ],
    );
}

#[test]
fn requests_of_token_classifiers() {
    const SPAN: &str = "/v1/redact";
    let spans = |span: Value| json!({"text": "abc", "entities": [span]});
    check(
        &service("electra-token-classification"),
        vec![
            (SPAN, json!({"text": "a", "entities": null, "placeholder": null}), true),
            (SPAN, json!({"text": "a", "more": 1}), false),
            (SPAN, spans(json!({"entity_group": "PER", "start": 0, "end": 1, "more": 1})), true),
            (SPAN, spans(json!({"label": "PER", "start": 0, "end": 1, "score": null})), true),
            (SPAN, spans(json!({"label": "P", "entity": "P", "start": 0, "end": 1})), false),
            (SPAN, spans(json!({"start": 0, "end": 1})), false),
            (SPAN, spans(json!({"label": "PER", "start": -1, "end": 1})), false),
            (
                "/gliner",
                json!({"text": ["a"], "entity_types": {"a": "b"}, "threshold": null}),
                true,
            ),
            ("/gliner", json!({"text": "a", "labels": [5]}), false),
            ("/gliner", json!({"text": "a", "labels": "person"}), false),
            ("/v1/extract", json!({"text": "a", "threshold": "0"}), false),
            (
                "/v1/token-classification",
                json!({"inputs": "a", "parameters": {"ignore_labels": null}}),
                true,
            ),
            (
                "/v1/token-classification",
                json!({"inputs": "a", "parameters": {"aggregation_strategy": {"max": null}}}),
                false,
            ),
            ("/v1/token-classification", json!({"inputs": []}), false),
        ],
    );
}

#[test]
fn requests_of_rankers() {
    check(
        &service("electra-reranking"),
        vec![
            ("/rerank", json!({"query": "a", "texts": ["b"], "return_text": true}), true),
            ("/rerank", json!({"query": "a", "documents": ["b"], "top_n": 0}), true),
            ("/rerank", json!({"query": "a", "texts": []}), false),
            ("/rerank", json!({"query": "a"}), false),
            ("/v2/rerank", json!({"query": "a", "documents": [{"text": "b"}], "top_k": 1.0}), true),
            ("/v2/rerank", json!({"query": "a", "documents": [{"text": 5}]}), false),
            ("/v1/rerank", json!({"query": "a", "documents": []}), false),
            ("/v1/rerank", json!({"query": null, "documents": ["b"]}), false),
            ("/v1/reranking", json!({"inputs": {"query": "a", "texts": ["b"]}}), true),
            ("/v1/reranking", json!({"inputs": {"query": "a", "texts": []}}), false),
        ],
    );
}

#[test]
fn requests_of_others() {
    const LABELS: &str = "/v1/zero-shot-classification";
    check(
        &service("distilbert-zero-shot-classification"),
        vec![
            (LABELS, json!({"inputs": "a", "parameters": {"candidate_labels": "b,c"}}), true),
            (LABELS, json!({"inputs": "a", "parameters": {"candidate_labels": []}}), false),
            (LABELS, json!({"inputs": "a", "parameters": {"candidate_labels": ""}}), false),
            (LABELS, json!({"inputs": "a", "parameters": {"candidate_labels": null}}), false),
            (LABELS, json!({"inputs": "", "parameters": {"candidate_labels": ["b"]}}), false),
            (LABELS, json!({"inputs": "a", "parameters": {}}), false),
            (LABELS, json!({"inputs": "a", "parameters": null}), false),
            (LABELS, json!({"inputs": "a"}), false),
        ],
    );
    const QUESTIONS: &str = "/v1/question-answering";
    let question = || json!({"question": "a", "context": "b"});
    check(
        &service("distilbert-question-answering"),
        vec![
            (QUESTIONS, json!({"inputs": [question()]}), true),
            (QUESTIONS, json!({"inputs": {"question": "", "context": "b"}}), false),
            (QUESTIONS, json!({"inputs": question(), "parameters": {"top_k": 0}}), false),
        ],
    );
    const MASKS: &str = "/v1/fill-mask";
    check(
        &service("albert-fill-mask"),
        vec![
            (MASKS, json!({"inputs": "a [MASK]", "parameters": {"targets": "a"}}), true),
            (MASKS, json!({"inputs": "a [MASK]", "parameters": {"targets": null}}), true),
            (MASKS, json!({"inputs": "a [MASK]", "parameters": {"targets": []}}), false),
        ],
    );
}

#[test]
fn requests_of_graphs() {
    const INFER: &str = "/v2/models/{model}/infer";
    let x = || json!({"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [[1, 2]]});
    let with = |key: &str, value: Value| {
        let mut x = x();
        x[key] = value;
        json!({"inputs": [x]})
    };
    check(
        &doubling(),
        vec![
            ("/v1/tensors", json!({"inputs": [x()], "parameters": 5, "outputs": null}), true),
            ("/v1/tensors", json!({"inputs": [x()], "other": 5}), false),
            ("/v1/tensors", with("data", json!(null)), false),
            ("/", json!({"inputs": [x()]}), true),
            (INFER, json!({"inputs": [x()], "id": null, "parameters": null, "other": 5}), true),
            (INFER, json!({"inputs": [x()], "parameters": {"binary_data_output": 1}}), false),
            (INFER, json!({"inputs": [x()], "parameters": {"other": [1]}}), false),
            (INFER, json!({"inputs": [x()], "outputs": [{"name": "y", "parameters": null}]}), true),
            (INFER, json!({"inputs": [x()], "outputs": [{}]}), false),
            (INFER, with("parameters", json!({"shared_memory_offset": 5})), true),
            (INFER, with("shape", json!(["1", 2])), false),
            (INFER, with("data", json!({"x": 1})), false),
            (INFER, json!({}), false),
        ],
    );
}
