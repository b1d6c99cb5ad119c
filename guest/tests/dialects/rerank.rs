//! Rerank endpoints of Cohere, Jina, vLLM and text-embeddings-inference.

use serde_json::{Value, json};

use crate::client::{count_tokens, post, posted, service};

const MODEL: &str = "electra-reranking";
const PATHS: [&str; 3] = ["/rerank", "/v1/rerank", "/v2/rerank"];
const QUERY: &str = "What is the capital of France?";
const DOCUMENTS: [&str; 3] =
    ["The capital of France is Paris.", "The weather in Paris is mild.", "A man plays a guitar."];

/// Indices and scores of the model's own task.
fn expected(raw: bool) -> Vec<(Value, f64)> {
    let inputs = json!({"query": QUERY, "texts": DOCUMENTS});
    let body = json!({"inputs": inputs, "parameters": {"raw_scores": raw}});
    ranks(&posted(&service(MODEL), "/v1/reranking", &body), "score")
}

fn ranks(list: &Value, score: &str) -> Vec<(Value, f64)> {
    let rank = |item: &Value| (item["index"].clone(), item[score].as_f64().unwrap());
    list.as_array().unwrap().iter().map(rank).collect()
}

#[test]
fn documents_are_ranked_on_each_path() {
    let service = service(MODEL);
    for path in PATHS {
        let body = json!({"model": "rerank-v3.5", "query": QUERY, "documents": DOCUMENTS});
        let answer = posted(&service, path, &body);
        assert_eq!(ranks(&answer["results"], "relevance_score"), expected(false), "{path}");
        assert_eq!((&answer["object"], &answer["model"]), (&json!("list"), &json!(MODEL)));
        assert!(answer["id"].as_str().unwrap().starts_with("rerank-"));
        // The query, a document, [CLS] and two [SEP] for each.
        let each = count_tokens(&service, &[QUERY], false) + 3;
        let tokens = DOCUMENTS.len() * each + count_tokens(&service, &DOCUMENTS, false);
        let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
        assert_eq!(answer["usage"], usage, "{path}");
        let version = if path == "/v2/rerank" { "2" } else { "1" };
        let meta = json!({
            "api_version": {"version": version},
            "billed_units": {"search_units": 1},
            "tokens": {"input_tokens": tokens},
        });
        assert_eq!(answer["meta"], meta, "{path}");
    }
}

#[test]
fn documents_are_repeated_where_that_is_the_custom_or_asked_for() {
    let service = service(MODEL);
    let first = |path: &str, returned: Value| {
        let body = json!({"query": QUERY, "documents": DOCUMENTS, "return_documents": returned});
        posted(&service, path, &body)["results"][0].clone()
    };
    for (path, custom) in PATHS.into_iter().zip([true, false, false]) {
        for (asked, repeated) in [(json!(null), custom), (json!(true), true), (json!(false), false)]
        {
            let item = first(path, asked);
            let text = DOCUMENTS[item["index"].as_u64().unwrap() as usize];
            let document = repeated.then(|| json!({"text": text}));
            assert_eq!(item.get("document"), document.as_ref(), "{path}");
        }
    }
}

#[test]
fn documents_and_queries_have_several_forms() {
    let service = service(MODEL);
    let documents = json!([
        {"text": DOCUMENTS[0], "id": 7},
        {"content": [{"type": "text", "text": DOCUMENTS[1]}]},
        DOCUMENTS[2],
    ]);
    let body = json!({"query": {"text": QUERY}, "documents": documents});
    let answer = posted(&service, "/v1/rerank", &body);
    assert_eq!(ranks(&answer["results"], "relevance_score"), expected(false));
    let body = json!({"query": QUERY, "documents": DOCUMENTS[0]});
    assert_eq!(posted(&service, "/rerank", &body)["results"].as_array().unwrap().len(), 1);
}

#[test]
fn so_many_of_the_best_are_answered() {
    let service = service(MODEL);
    for (top_n, count) in
        [(json!(null), 3), (json!(0), 3), (json!(1), 1), (json!(2.0), 2), (json!(9), 3)]
    {
        let body = json!({"query": QUERY, "documents": DOCUMENTS, "top_n": top_n});
        let results = posted(&service, "/v2/rerank", &body)["results"].clone();
        assert_eq!(ranks(&results, "relevance_score"), expected(false)[..count], "{top_n}");
    }
    let body = json!({"query": QUERY, "documents": DOCUMENTS, "raw_scores": true});
    let results = posted(&service, "/rerank", &body)["results"].clone();
    assert_eq!(ranks(&results, "relevance_score"), expected(true));
}

#[test]
fn texts_are_ranked_as_text_embeddings_inference_does() {
    let service = service(MODEL);
    let answer = posted(&service, "/rerank", &json!({"query": QUERY, "texts": DOCUMENTS}));
    assert_eq!(ranks(&answer, "score"), expected(false));
    assert_eq!(answer[0].get("text"), None);
    // litellm sends these; text-embeddings-inference ignores top_n.
    let body = json!({
        "query": QUERY, "texts": DOCUMENTS, "return_text": true, "raw_scores": true, "top_n": 1,
        "truncation_direction": "Right", "truncate": true,
    });
    let answer = posted(&service, "/rerank", &body);
    assert_eq!(ranks(&answer, "score"), expected(true));
    assert_eq!(answer[0]["text"], DOCUMENTS[answer[0]["index"].as_u64().unwrap() as usize]);
}

#[test]
fn bad_requests_are_told_in_the_words_of_the_path() {
    let service = service(MODEL);
    let many = vec!["a"; 257];
    for (body, about) in [
        (json!({"documents": DOCUMENTS}), "missing field `query`"),
        (json!({"query": QUERY}), "missing field `"),
        (json!({"query": 7, "documents": DOCUMENTS}), "query: expected a string"),
        (json!({"query": QUERY, "documents": [7]}), "documents: expected a string"),
        (json!({"query": QUERY, "documents": [{"image": "a"}]}), "documents: expected a string"),
        (json!({"query": QUERY, "documents": []}), "documents is empty"),
        (json!({"query": QUERY, "documents": many}), "257 documents are more than 256"),
        (json!({"query": QUERY, "documents": DOCUMENTS, "top_n": -1}), "top_n: -1 is not"),
        (json!({"query": QUERY, "documents": DOCUMENTS, "top_n": "1"}), "top_n: invalid type"),
    ] {
        for path in PATHS {
            if path == "/rerank" && body.get("documents").is_none() {
                continue;
            }
            let (status, answer) = post(&service, path, &body);
            let message = answer["message"].as_str().unwrap();
            assert!(status == 400 && message.contains(about), "{status} {about}: {answer}");
            assert_eq!(answer["detail"], message);
            assert_eq!(
                (&answer["error"]["message"], &answer["error"]["code"]),
                (&json!(message), &json!(400))
            );
        }
    }
}

#[test]
fn what_has_no_documents_is_told_as_text_embeddings_inference_does() {
    let service = service(MODEL);
    for body in [
        json!({"query": QUERY}),
        json!({"query": QUERY, "documents": null}),
        json!({"query": 7, "texts": DOCUMENTS, "documents": DOCUMENTS}),
    ] {
        let (status, answer) = post(&service, "/rerank", &body);
        let mut error = json!({"error": answer["error"], "error_type": "Validation"});
        if body.get("texts").is_none() {
            let message = answer["error"].clone();
            (error["message"], error["detail"]) = (message.clone(), message);
        }
        assert_eq!((status, &answer), (422, &error));
        assert!(answer["error"].is_string(), "{answer}");
    }
}

#[test]
fn a_model_that_does_not_rank_tells_so_in_the_words_of_the_body() {
    let service = service("mpnet-sentence-embeddings");
    let body = json!({"query": QUERY, "documents": DOCUMENTS});
    let (status, answer) = post(&service, "/rerank", &body);
    assert_eq!((status, &answer["error"]["type"]), (501, &json!("NotImplementedError")));
    assert!(answer["message"].is_string() && answer["detail"].is_string(), "{answer}");
    let (status, answer) = post(&service, "/rerank", &json!({"query": QUERY, "texts": DOCUMENTS}));
    assert_eq!((status, &answer["error_type"]), (424, &json!("Backend")));
}
