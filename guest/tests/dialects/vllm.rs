//! What vLLM adds to OpenAI's API.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pilotlight_guest::service::Service;
use serde_json::{Value, json};

use crate::client::{close, count_tokens, floats, post, posted, service, tiny};

const EMBEDDER: &str = "mpnet-sentence-embeddings";
const CLASSIFIER: &str = "albert-text-classification";
const RERANKER: &str = "electra-reranking";
const TEXTS: [&str; 2] = ["My name is Sarah and I live in London.", "The weather is fine."];

/// The values of one key of `data`.
fn data(answer: &Value, key: &str) -> Vec<Value> {
    answer["data"].as_array().unwrap().iter().map(|item| item[key].clone()).collect()
}

fn numbers(values: &[Value]) -> Vec<f64> {
    values.iter().map(|value| value.as_f64().unwrap()).collect()
}

/// What is told of so many tokens.
fn usage(tokens: usize) -> Value {
    json!({
        "prompt_tokens": tokens, "total_tokens": tokens, "completion_tokens": 0,
        "prompt_tokens_details": null,
    })
}

/// Refused with vLLM's error object, whose message says `about`, and whose parameter is a key of the
/// request or one that is missing.
fn check_error(service: &Service, path: &str, body: &Value, about: &str) {
    let (status, answer) = post(service, path, body);
    let error = &answer["error"];
    assert_eq!((status, &error["code"]), (400, &json!(400)), "{answer}");
    assert_eq!(error["type"], "BadRequestError");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(about), "{about} is not in {answer}");
    let parameter = error["param"].as_str();
    let is_key = |name| body.get(name).is_some() || message.contains(name);
    assert!(parameter.is_none_or(is_key), "{answer}");
}

#[test]
fn texts_are_classified_with_probabilities_in_the_order_of_the_labels() {
    let service = service(CLASSIFIER);
    let names = service.model().text().unwrap().labels.names().to_vec();
    let answer = posted(&service, "/classify", &json!({"model": "any", "input": TEXTS}));
    assert_eq!((&answer["object"], &answer["model"]), (&json!("list"), &json!(CLASSIFIER)));
    assert!(answer["id"].as_str().unwrap().starts_with("classify-") && answer["created"].is_u64());
    assert_eq!(answer["usage"], usage(count_tokens(&service, &TEXTS, true)));
    for (index, text) in TEXTS.iter().enumerate() {
        let item = &answer["data"][index];
        let body = json!({"inputs": text, "parameters": {"top_k": null}});
        let labels = posted(&service, "/v1/text-classification", &body);
        assert_eq!((&item["index"], &item["num_classes"]), (&json!(index), &json!(names.len())));
        assert_eq!(item["label"], labels[0]["label"]);
        for label in labels.as_array().unwrap() {
            let place = names.iter().position(|name| label["label"] == name[..]).unwrap();
            assert!(close(
                &floats(&json!([item["probs"][place]])),
                &floats(&json!([label["score"]]))
            ));
        }
    }
    let body = json!({"input": TEXTS[0], "use_activation": false});
    let logits = posted(&service, "/classify", &body);
    let sum: f64 = floats(&logits["data"][0]["probs"]).iter().sum();
    assert!((sum - 1.0).abs() > 1e-3, "{logits}");
}

#[test]
fn a_cross_encoder_scores_one_with_many_and_each_with_its_own() {
    let service = service(RERANKER);
    let score = |first: Value, second: Value| {
        let answer = posted(&service, "/score", &json!({"text_1": first, "text_2": second}));
        // [CLS] and two [SEP] around the texts of each pair.
        let pairs = answer["data"].as_array().unwrap().len();
        let texts = second.as_array().map_or(1, Vec::len);
        assert_eq!(pairs, texts);
        let query = count_tokens(&service, &["the weather"], false);
        let others = match texts {
            1 => count_tokens(&service, &[TEXTS[1]], false),
            _ => count_tokens(&service, &TEXTS, false),
        };
        assert_eq!(answer["usage"], usage(pairs * (query + 3) + others));
        assert!(answer["id"].as_str().unwrap().starts_with("score-"));
        assert!(data(&answer, "object").iter().all(|object| object == "score"));
        numbers(&data(&answer, "score"))
    };
    let inputs = json!({"query": "the weather", "texts": TEXTS});
    let ranks = posted(&service, "/v1/reranking", &json!({ "inputs": inputs }));
    let of = |index: usize| {
        let ranks = ranks.as_array().unwrap();
        ranks.iter().find(|rank| rank["index"] == index).unwrap()["score"].as_f64().unwrap()
    };
    assert!(close(&score(json!("the weather"), json!(TEXTS)), &[of(0), of(1)]));
    assert!(close(&score(json!("the weather"), json!(TEXTS[1])), &[of(1)]));
    let two = score(json!(["the weather", "the weather"]), json!(TEXTS));
    assert!(close(&two, &[of(0), of(1)]));
}

#[test]
fn other_names_of_both_sides_and_other_forms_of_texts_are_read() {
    let service = service(RERANKER);
    let answer = |one: &str, two: &str, path: &str| {
        let part = json!({"content": [{"type": "text", "text": TEXTS[0]}]});
        let body = json!({one: "the weather", two: [part, TEXTS[1]]});
        data(&posted(&service, path, &body), "score")
    };
    let expected = answer("text_1", "text_2", "/score");
    for (one, two) in [("data_1", "data_2"), ("queries", "documents"), ("queries", "items")] {
        assert_eq!(answer(one, two, "/v1/score"), expected, "{one} {two}");
    }
}

#[test]
fn an_embedding_model_scores_by_cosine() {
    let service = service(EMBEDDER);
    let body = json!({"text_1": "the weather", "text_2": TEXTS});
    let answer = posted(&service, "/score", &body);
    let texts = ["the weather", TEXTS[0], TEXTS[1]];
    assert_eq!(answer["usage"], usage(count_tokens(&service, &texts, true)));
    let scores = numbers(&data(&answer, "score"));
    let inputs = json!({"source_sentence": "the weather", "sentences": TEXTS});
    let expected = posted(&service, "/v1/sentence-similarity", &json!({ "inputs": inputs }));
    assert!(close(&scores, &floats(&expected)));
    let body = json!({"text_1": TEXTS, "text_2": TEXTS});
    let same = numbers(&data(&posted(&service, "/score", &body), "score"));
    assert!(close(&same, &[1.0, 1.0]), "{same:?}");
}

#[test]
fn sides_that_do_not_fit_are_refused() {
    let service = service(RERANKER);
    for (body, about) in [
        (json!({"text_1": "a"}), "missing field `text_2`"),
        (json!({"text_1": 7, "text_2": "a"}), "text_1: expected a string"),
        (json!({"text_1": ["a", "b"], "text_2": "a"}), "must be either 1:1, 1:N or N:N"),
        (
            json!({"text_1": ["a", "b"], "text_2": ["a", "b", "c"]}),
            "text_1 has 2 texts, text_2 has 3",
        ),
        (json!({"text_1": "a", "text_2": []}), "text_2 is empty"),
        (json!({"text_1": [], "text_2": "a"}), "text_1 is empty"),
        (json!({"text_1": "a", "text_2": vec!["a"; 257]}), "257 text_2 are more than 256"),
        (json!({"text_1": "a", "text_2": "the weather ".repeat(90)}), "more than the"),
    ] {
        check_error(&service, "/score", &body, about);
    }
}

#[test]
fn texts_that_are_too_long_are_shortened_as_vllm_is_told() {
    let service = service(CLASSIFIER);
    let long = "I love this phone ".repeat(50);
    let most = service.model().text().unwrap().max_length;
    let body = |key: &str, value: Value| json!({"input": long, key: value});
    posted(&service, "/classify", &body("truncate_prompt_tokens", json!(-1)));
    posted(&service, "/classify", &body("truncate_prompt_tokens", json!(most)));
    let left = json!({"input": long, "truncate": true, "truncation_side": "left"});
    posted(&service, "/classify", &left);
    check_error(&service, "/classify", &json!({"input": long}), "more than the");
}

#[test]
fn so_many_tokens_are_kept_as_the_request_says() {
    let long = "the weather in paris is mild and ".repeat(50);
    for (model, path, one) in [
        (CLASSIFIER, "/classify", "input"),
        (EMBEDDER, "/pooling", "input"),
        (EMBEDDER, "/v1/embeddings", "input"),
        (EMBEDDER, "/score", "text_2"),
        (RERANKER, "/score", "text_2"),
        (RERANKER, "/rerank", "documents"),
    ] {
        let service = service(model);
        // The query is shorter than what is kept of a document.
        let ask = |text: &str, kept: i64, side: &str| {
            let body = json!({
                one: [text, text], "text_1": "london", "query": "london",
                "truncate_prompt_tokens": kept, "truncation_side": side,
            });
            posted(&service, path, &body)
        };
        let kept = |text: &str, kept, side| {
            let mut answer = ask(text, kept, side);
            let tokens = answer["usage"]["total_tokens"].as_u64().unwrap();
            answer.as_object_mut().unwrap().remove("id");
            for result in answer["results"].as_array_mut().into_iter().flatten() {
                result.as_object_mut().unwrap().remove("document");
            }
            (tokens, answer)
        };
        let source = match path {
            "/score" if model == EMBEDDER => kept(&long, 12, "right").0 - 24,
            _ => 0,
        };
        let (tokens, right) = kept(&long, 12, "right");
        assert_eq!(tokens, 24 + source, "{path}");
        assert!(source < 12, "{path}");
        let (other_end, other_start) = (format!("{long} london"), format!("london {long}"));
        assert_eq!(kept(&other_end, 12, "right").1, right, "{path}");
        assert_ne!(kept(&other_start, 12, "right").1, right, "{path}");
        assert_eq!(kept(&other_start, 12, "left").1, kept(&long, 12, "left").1, "{path}");
        // No more than the model reads.
        assert_eq!(kept(&long, 100_000, "right").1, kept(&long, -1, "right").1, "{path}");
        for few in [0, 1, 2, -2] {
            let body = json!({
                one: ["a", "b"], "text_1": "a", "query": "a", "truncate_prompt_tokens": few
            });
            let (status, answer) = post(&service, path, &body);
            let message = answer["error"]["message"].as_str().unwrap();
            let expected = "truncate_prompt_tokens must be -1 or at least";
            assert!(status == 400 && message.contains(expected), "{path} {few}: {answer}");
            assert_eq!(answer["error"]["param"], "truncate_prompt_tokens", "{path}");
        }
    }
}

#[test]
fn pooling_of_an_embedding_model_is_a_vector_of_length_1() {
    let service = service(EMBEDDER);
    let answer = posted(&service, "/pooling", &json!({"input": TEXTS}));
    let embeddings = posted(&service, "/v1/embeddings", &json!({"input": TEXTS}));
    assert!(answer["id"].as_str().unwrap().starts_with("pooling-"));
    assert_eq!(answer["usage"], usage(count_tokens(&service, &TEXTS, true)));
    for index in 0..2 {
        let item = &answer["data"][index];
        assert_eq!((&item["index"], &item["object"]), (&json!(index), &json!("pooling")));
        let expected = floats(&embeddings["data"][index]["embedding"]);
        assert!(close(&floats(&item["data"]), &expected));
    }
    let body = json!({
        "input": TEXTS, "encoding_format": "base64", "embed_dtype": "float32", "endianness": "native",
        "task": "embed",
    });
    let encoded = posted(&service, "/pooling", &body);
    let expected = json!({"input": TEXTS, "encoding_format": "base64"});
    let expected = posted(&service, "/v1/embeddings", &expected);
    assert_eq!(encoded["data"][1]["data"], expected["data"][1]["embedding"]);
}

#[test]
fn pooling_by_tokens_is_a_row_for_each() {
    let service = service("electra-feature-extraction");
    let answer = posted(&service, "/pooling", &json!({"input": [TEXTS[0], "a"]}));
    for (index, text) in [TEXTS[0], "a"].iter().enumerate() {
        let expected = posted(&service, "/v1/feature-extraction", &json!({"inputs": text}));
        let rows = answer["data"][index]["data"].as_array().unwrap();
        assert_eq!(rows.len(), expected[0].as_array().unwrap().len());
        assert!(close(&floats(&rows[1]), &floats(&expected[0][1])));
    }
    let body = json!({"input": "a", "encoding_format": "base64", "task": "token_embed"});
    let encoded = posted(&service, "/pooling", &body);
    let bytes = STANDARD.decode(encoded["data"][0]["data"].as_str().unwrap()).unwrap();
    let rows = answer["data"][1]["data"].as_array().unwrap();
    assert_eq!(bytes.len(), rows.len() * floats(&rows[0]).len() * 4);
}

#[test]
fn pooling_of_a_classifier_is_scores() {
    let service = service(CLASSIFIER);
    let answer = posted(&service, "/pooling", &json!({"input": TEXTS}));
    let classified = posted(&service, "/classify", &json!({"input": TEXTS}));
    let classified = data(&classified, "probs");
    assert_eq!(classified.len(), TEXTS.len());
    for (pooled, classified) in data(&answer, "data").iter().zip(&classified) {
        assert!(close(&floats(pooled), &floats(classified)));
    }
    let answer = posted(&tiny(), "/pooling", &json!({"input": "ada met"}));
    let rows = answer["data"][0]["data"].as_array().unwrap();
    // [CLS] ada met [SEP], and O, B-PER, B-LOC.
    assert_eq!(rows.len(), 4);
    let (person, nobody) = (floats(&rows[1]), floats(&rows[2]));
    assert!(person[1] > 0.9 && nobody[0] > 0.5 && (person.iter().sum::<f64>() - 1.0).abs() < 1e-5);
}

#[test]
fn what_cannot_be_pooled_is_refused() {
    let service = service(EMBEDDER);
    for (body, about) in [
        (json!({"input": "a", "task": "classify"}), "text-classification is not one of"),
        (json!({"input": "a", "task": "plugin"}), "task: unknown variant `plugin`"),
        (json!({"input": "a", "encoding_format": "bytes"}), "encoding_format: unknown variant"),
        (json!({"input": "a", "embed_dtype": "float16"}), "embed_dtype: unknown variant"),
        (json!({"input": "a", "endianness": "big"}), "endianness: unknown variant"),
        (json!({"input": "a", "dimensions": 99}), "from 1 to 32"),
        (json!({"input": []}), "input is empty"),
        (json!({"messages": []}), "missing field `input`"),
    ] {
        check_error(&service, "/pooling", &body, about);
    }
}

#[test]
fn models_have_the_routes_that_they_can_answer() {
    let found = |name: &str, path: &str| post(&service(name), path, &json!({})).0 != 404;
    for (name, classify, score, pooling) in [
        (EMBEDDER, false, true, true),
        (CLASSIFIER, true, false, true),
        (RERANKER, true, true, true),
        ("mpnet-fill-mask", false, false, false),
    ] {
        let routes = ["/classify", "/score", "/pooling"].map(|path| found(name, path));
        assert_eq!(routes, [classify, score, pooling], "{name}");
    }
}
