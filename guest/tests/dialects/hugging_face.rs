//! Hugging Face's hosted inference, as `huggingface_hub.InferenceClient` and huggingface.js use it.

use pilotlight_guest::service::{Head, Service};
use serde_json::{Value, json};

use crate::client::{answer, close, floats, post, posted, service, tiny};

const OLD: &str = "unknown/None; hf_hub/0.36.0; python/3.12.1";
const NEW: &str = "unknown/None; hf_hub/2.4.0; python/3.12.1";
const TEXTS: [&str; 2] = ["My name is Sarah and I live in London.", "The weather is fine."];

fn of_client(service: &Service, user_agent: &str, body: &Value) -> Value {
    let user_agent = Some(user_agent);
    let head = Head { method: "POST", path: "/", user_agent, ..Head::default() };
    let (status, answer) = answer(service, head, &body.to_string());
    assert_eq!(status, 200, "{answer}");
    answer
}

#[test]
fn every_path_of_hosted_inference_answers_the_same() {
    let service = service("mpnet-sentence-embeddings");
    let body = json!({"inputs": TEXTS});
    let expected = posted(&service, "/", &body);
    for path in [
        "/models/org/name",
        "/models/name",
        "/pipeline/feature-extraction",
        "/pipeline/feature-extraction/org/name",
        "/models/org/name/pipeline/feature-extraction",
        "/models/org%2Fname/pipeline/feature-extraction",
    ] {
        assert_eq!(posted(&service, path, &body), expected, "{path}");
        let path = format!("/hf-inference{path}");
        assert_eq!(posted(&service, &path, &body), expected, "{path}");
    }
    assert_eq!(posted(&service, "/hf-inference", &body), expected);
    for path in ["/pipeline/fill-mask", "/pipeline/x/org/name", "/models/a/pipeline/x"] {
        let (status, answer) = post(&service, path, &body);
        assert_eq!((status, &answer["error_type"]), (404, &json!("not_found")), "{path}");
        assert!(answer["error"].is_string(), "{answer}");
    }
}

#[test]
fn what_is_not_json_is_refused_where_the_model_does_not_hear() {
    let service = tiny();
    for content_type in ["audio/wav", "application/octet-stream", "text/plain"] {
        for path in ["/", "/models/org/name", "/pipeline/token-classification"] {
            let content_type = Some(content_type);
            let head = Head { method: "POST", path, content_type, ..Head::default() };
            let (status, answer) = answer(&service, head, "RIFF");
            assert_eq!((status, &answer["error_type"]), (415, &json!("unsupported_media_type")));
            let message = answer["error"].as_str().unwrap();
            assert!(message.ends_with("send application/json"), "{message}");
        }
    }
}

#[test]
fn each_text_has_one_vector_even_alone() {
    let service = service("mpnet-sentence-embeddings");
    let one = posted(&service, "/", &json!({"inputs": TEXTS[0]}));
    let two = posted(&service, "/", &json!({"inputs": TEXTS}));
    assert_eq!((one.as_array().unwrap().len(), two.as_array().unwrap().len()), (1, 2));
    let expected = posted(&service, "/v1/sentence-embeddings", &json!({"inputs": TEXTS[0]}));
    for answer in [&one, &two] {
        assert!(close(&floats(&answer[0]), &floats(&expected)));
    }
}

#[test]
fn parameters_of_vectors_stand_beside_the_inputs_or_in_parameters() {
    let service = service("mpnet-sentence-embeddings");
    let parameters = json!({"normalize": false, "dimensions": 8, "prompt": "a: "});
    let body = json!({"inputs": TEXTS, "parameters": parameters});
    let expected = posted(&service, "/v1/sentence-embeddings", &body);
    assert_eq!(posted(&service, "/", &body), expected);
    let body = json!({
        "inputs": TEXTS, "normalize": false, "dimensions": 8, "prompt": "a: ", "truncate": null,
        "truncation_direction": "Right", "encoding_format": "base64", "options": {"use_cache": true},
        "parameters": {}, "model": "any",
    });
    assert_eq!(posted(&service, "/", &body), expected);
    let long = "the weather is fine ".repeat(50);
    let side = |side: &str| {
        posted(&service, "/", &json!({"inputs": [long, "a"], "truncation_direction": side}))
    };
    assert_ne!(side("left"), side("right"));
    let refused = post(&service, "/", &json!({"inputs": long, "truncate": false}));
    assert_eq!((refused.0, &refused.1["error_type"]), (400, &json!("too_long")));
    let hidden = json!({"inputs": TEXTS, "prompt": "a: ", "parameters": {"prompt": {}}});
    assert_eq!(post(&service, "/", &hidden).0, 400, "also where another prompt takes its place");
}

#[test]
fn prompts_for_queries_and_documents_are_empty_where_a_model_has_none() {
    let service = service("mpnet-sentence-embeddings");
    let expected = posted(&service, "/", &json!({"inputs": TEXTS}));
    for name in ["query", "document"] {
        let body = json!({"inputs": TEXTS, "prompt_name": name});
        assert_eq!(posted(&service, "/", &body), expected, "{name}");
        let body = json!({"inputs": TEXTS, "parameters": {"prompt_name": name}});
        assert_eq!(posted(&service, "/v1/sentence-embeddings", &body), expected, "{name}");
    }
    let service = crate::client::service("xlm-roberta-sentence-embeddings");
    let vectors = |name: &str| {
        let body = json!({"inputs": TEXTS, "parameters": {"prompt_name": name}});
        posted(&service, "/v1/sentence-embeddings", &body)
    };
    assert_ne!(vectors("query"), vectors("document"), "its own prompt for queries is not empty");
}

#[test]
fn a_model_without_pooling_has_vectors_of_tokens_for_a_text_alone() {
    let service = service("electra-feature-extraction");
    let expected = posted(&service, "/v1/feature-extraction", &json!({"inputs": TEXTS[0]}));
    assert_eq!(posted(&service, "/", &json!({"inputs": TEXTS[0]})), expected);
    let pooled = posted(&service, "/", &json!({"inputs": TEXTS}));
    let expected = posted(&service, "/v1/sentence-embeddings", &json!({"inputs": TEXTS}));
    assert_eq!(pooled, expected);
}

#[test]
fn the_body_tells_similarity() {
    let service = service("mpnet-sentence-embeddings");
    let inputs = json!({"source_sentence": TEXTS[0], "sentences": TEXTS});
    let body = json!({"inputs": inputs, "parameters": {}});
    let answer = posted(&service, "/", &body);
    assert!((floats(&answer)[0] - 1.0).abs() < 1e-5 && floats(&answer).len() == 2);
    for path in ["/pipeline/sentence-similarity/org/name", "/models/a/pipeline/sentence-similarity"]
    {
        assert_eq!(posted(&service, path, &body), answer, "{path}");
    }
}

#[test]
fn texts_are_classified_with_all_labels_in_a_list_of_their_own() {
    let service = service("albert-text-classification");
    let all = json!({"inputs": TEXTS, "parameters": {"top_k": null}});
    let expected = posted(&service, "/v1/text-classification", &all);
    let one = posted(&service, "/", &json!({"inputs": TEXTS[0], "parameters": {}}));
    assert_eq!(one, json!([expected[0]]));
    assert_eq!(posted(&service, "/", &json!({"inputs": TEXTS})), expected);
    let body = json!({"inputs": TEXTS[0], "parameters": {"top_k": 2, "temperature": 1}});
    let best = posted(&service, "/pipeline/text-classification", &body);
    assert_eq!(best, json!([[expected[0][0], expected[0][1]]]));
    let body = json!({"inputs": TEXTS[0], "parameters": {"function_to_apply": "sigmoid"}});
    assert_ne!(posted(&service, "/", &body)[0][0]["score"], expected[0][0]["score"]);
    // In any case, as transformers takes it.
    for name in ["Sigmoid", "SIGMOID"] {
        let other = json!({"inputs": TEXTS[0], "parameters": {"function_to_apply": name}});
        for path in ["/", "/v1/text-classification"] {
            assert_eq!(posted(&service, path, &other), posted(&service, path, &body), "{path}");
        }
    }
    // The pipeline answers the best label alone.
    let pipeline = posted(&service, "/v1/text-classification", &json!({"inputs": TEXTS[0]}));
    assert_eq!(pipeline, json!([expected[0][0]]));
}

#[test]
fn labels_of_a_request_are_a_list_or_for_old_clients_an_object() {
    let service = service("distilbert-zero-shot-classification");
    let body = json!({
        "inputs": TEXTS[0],
        "parameters": {"candidate_labels": ["sports", "travel"], "multi_label": false},
    });
    let object = posted(&service, "/v1/zero-shot-classification", &body);
    assert!(object["labels"].is_array() && object["sequence"] == TEXTS[0], "{object}");
    assert_eq!(of_client(&service, OLD, &body), object);
    let label =
        |place: usize| json!({"label": object["labels"][place], "score": object["scores"][place]});
    let list = json!([label(0), label(1)]);
    assert_eq!(of_client(&service, NEW, &body), list);
    assert_eq!(posted(&service, "/pipeline/zero-shot-classification", &body), list);
    let mut many = body.clone();
    many["inputs"] = json!([TEXTS[0], TEXTS[0]]);
    assert_eq!(posted(&service, "/", &many), json!([list, list]));
    let (status, answer) = post(&service, "/", &json!({"inputs": "a"}));
    assert_eq!((status, &answer["error_type"]), (400, &json!("empty")), "{answer}");
    assert!(answer["error"].as_str().unwrap().contains("candidate_labels"), "{answer}");
}

#[test]
fn only_a_string_of_labels_is_parted_by_commas() {
    let service = service("distilbert-zero-shot-classification");
    let asked =
        |labels: Value| json!({"inputs": TEXTS[0], "parameters": {"candidate_labels": labels}});
    for path in ["/v1/zero-shot-classification", "/pipeline/zero-shot-classification"] {
        let expected = posted(&service, path, &asked(json!(["a", "b"])));
        for labels in ["a,b", " a , b ", "a,b,", ",a,,b"] {
            assert_eq!(
                posted(&service, path, &asked(json!(labels))),
                expected,
                "{path} {labels:?}"
            );
        }
        let one = posted(&service, path, &asked(json!(["politics, economy"])));
        let labels = one.get("labels").map_or(&one[0]["label"], |labels| &labels[0]);
        assert_eq!(labels, "politics, economy", "{path}: {one}");
        for labels in [json!(""), json!(" , "), json!([])] {
            let (status, answer) = post(&service, path, &asked(labels.clone()));
            let says = answer["error"].as_str().unwrap();
            assert!(matches!(status, 400 | 422), "{path} {labels}: {answer}");
            assert!(says.contains("candidate_labels is empty"), "{path} {labels}: {answer}");
        }
    }
}

#[test]
fn any_number_of_answers_may_be_asked_for() {
    let service = service("distilbert-question-answering");
    let inputs = json!({"question": "Who lives in London?", "context": TEXTS[0]});
    let answers = |top_k: usize| {
        let body = json!({"inputs": inputs, "parameters": {"top_k": top_k}});
        posted(&service, "/v1/question-answering", &body)
    };
    let all = answers(10_000);
    assert!(all.as_array().unwrap().len() > 10, "{all}");
    // The number of candidates is more than twice as large.
    for top_k in [usize::MAX, usize::MAX / 2 - 4] {
        assert_eq!(answers(top_k), all);
    }
}

#[test]
fn entities_are_grouped_unless_asked_otherwise() {
    let tiny = tiny();
    let body = json!({"inputs": "Ada met Paris", "parameters": {}, "options": {"use_gpu": false}});
    let found = posted(&tiny, "/", &body);
    assert_eq!((&found[0]["entity_group"], &found[0]["start"]), (&json!("PER"), &json!(0)));
    let parameters = json!({"aggregation_strategy": "none", "grouped_entities": true});
    let body = json!({"inputs": "Ada met Paris", "parameters": parameters});
    assert_eq!(posted(&tiny, "/pipeline/ner", &body)[0]["entity"], "B-PER");
    let many = posted(&tiny, "/", &json!({"inputs": ["Ada", "met"]}));
    assert_eq!((&many[0][0]["entity_group"], &many[1]), (&json!("PER"), &json!([])));
}

#[test]
fn questions_and_gaps_are_answered_as_the_pipelines_do() {
    let service = service("distilbert-question-answering");
    let inputs = json!({"question": "Who lives in London?", "context": TEXTS[0]});
    let parameters = json!({"top_k": 2, "max_question_len": 64, "align_to_words": true});
    let body = json!({"inputs": inputs, "parameters": parameters});
    let expected = json!({"inputs": inputs, "parameters": {"top_k": 2, "align_to_words": true}});
    let expected = posted(&service, "/v1/question-answering", &expected);
    assert_eq!(posted(&service, "/", &body), expected);
    assert!(expected.is_array(), "{expected}");
    let service = crate::client::service("mpnet-fill-mask");
    let mask = service.model().text().unwrap().mask_token.clone().unwrap();
    let body = json!({"inputs": format!("The {mask} is fine."), "parameters": {"top_k": 3}});
    let found = posted(&service, "/models/org/name", &body);
    assert_eq!(found, posted(&service, "/v1/fill-mask", &body));
    assert_eq!(found.as_array().unwrap().len(), 3);
}

#[test]
fn a_cross_encoder_ranks_or_classifies_by_what_is_sent() {
    let service = service("electra-reranking");
    let inputs = json!({"query": TEXTS[0], "texts": TEXTS});
    let expected = posted(&service, "/v1/reranking", &json!({ "inputs": inputs }));
    assert_eq!(posted(&service, "/", &json!({ "inputs": inputs })), expected);
    assert_eq!(posted(&service, "/", &inputs), expected);
    assert_eq!(posted(&service, "/pipeline/text-ranking", &json!({ "inputs": inputs })), expected);
    let pair = json!({"inputs": {"text": TEXTS[0], "text_pair": TEXTS[1]}});
    let labels = posted(&service, "/", &pair);
    assert_eq!(labels[0].as_array().unwrap().len(), 1, "{labels}");
}

#[test]
fn wrong_types_are_refused_by_key() {
    let embedder = service("mpnet-sentence-embeddings");
    let tiny = tiny();
    for (service, body, about) in [
        (&embedder, json!({}), "missing field `inputs`"),
        (&embedder, json!({"inputs": null}), "missing field `inputs`"),
        (&embedder, json!({"inputs": {"text": "a"}}), "inputs: expected a string"),
        (&embedder, json!({"inputs": []}), "inputs is empty"),
        (&embedder, json!({"inputs": "a", "normalize": "yes"}), "normalize: invalid type"),
        (&embedder, json!({"inputs": "a", "dimensions": 0}), "0 is less than 1"),
        (&embedder, json!({"inputs": "a", "dimensions": 33}), "from 1 to 32"),
        (&embedder, json!({"inputs": "a", "truncation_direction": "up"}), "truncation_direction:"),
        (&embedder, json!({"inputs": "a", "prompt_name": "x"}), "no prompt \"x\""),
        (&embedder, json!({"inputs": vec!["a"; 257]}), "257 inputs are more than 256"),
        (&tiny, json!({"inputs": 7}), "inputs: invalid type"),
        (&tiny, json!({"inputs": "a", "parameters": [1]}), "parameters: expected an object"),
        (&tiny, json!({"inputs": "a", "parameters": {"stride": "x"}}), "stride: invalid type"),
        (
            &tiny,
            json!({"inputs": "a", "parameters": {"aggregation_strategy": "best"}}),
            "aggregation_strategy: unknown variant `best`",
        ),
    ] {
        let (status, answer) = post(service, "/", &body);
        let error = answer["error"].as_str().unwrap();
        assert!(status == 400 && error.contains(about), "{status} {about}: {answer}");
    }
    let head = Head { method: "POST", path: "/", ..Head::default() };
    for body in ["", "[1", "{\"inputs\": \"a\"} x"] {
        assert_eq!(answer(&tiny, head, body).0, 400, "{body}");
    }
}
