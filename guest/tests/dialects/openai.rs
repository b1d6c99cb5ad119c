//! OpenAI's API.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pilotlight_guest::service::Head;
use serde_json::{Value, json};

use crate::client::{answer, close, count_tokens, floats, get, post, posted, service};

const EMBEDDINGS: &str = "/v1/embeddings";
const MODERATIONS: &str = "/v1/moderations";
const MODEL: &str = "mpnet-sentence-embeddings";
const CLASSIFIER: &str = "albert-text-classification";
const TEXTS: [&str; 2] = ["My name is Sarah and I live in London.", "The weather is fine."];

fn embedding(answer: &Value, index: usize) -> Vec<f64> {
    floats(&answer["data"][index]["embedding"])
}

/// An error object, with a message that says `about`.
fn check_error((status, body): &(u16, Value), expected: (u16, Value, Value), about: &str) {
    let error = &body["error"];
    let (expected_status, parameter, code) = expected;
    assert_eq!((*status, &error["param"], &error["code"]), (expected_status, &parameter, &code));
    assert_eq!(error["type"], "invalid_request_error", "{body}");
    assert!(error["message"].as_str().unwrap().contains(about), "{about} is not in {body}");
}

/// Status, parameter and code for a value that cannot be used.
fn invalid(parameter: &str) -> (u16, Value, Value) {
    (400, json!(parameter), json!("invalid_value"))
}

#[test]
fn vectors_are_those_of_sentence_transformers_with_their_place_and_the_tokens_read() {
    let service = service(MODEL);
    let body = json!({"model": "text-embedding-3-small", "input": TEXTS, "user": "me"});
    let answer = posted(&service, EMBEDDINGS, &body);
    let parameters = json!({"normalize": true});
    let body = json!({"inputs": TEXTS, "parameters": parameters});
    let expected = posted(&service, "/v1/sentence-embeddings", &body);
    assert_eq!((&answer["object"], &answer["model"]), (&json!("list"), &json!(MODEL)));
    assert_eq!(answer["data"].as_array().unwrap().len(), 2);
    for index in 0..2 {
        let item = &answer["data"][index];
        assert_eq!((&item["object"], &item["index"]), (&json!("embedding"), &json!(index)));
        assert!(close(&embedding(&answer, index), &floats(&expected[index])));
    }
    let tokens = count_tokens(&service, &TEXTS, true);
    assert_eq!(answer["usage"], json!({"prompt_tokens": tokens, "total_tokens": tokens}));
}

#[test]
fn one_text_is_answered_by_a_list_of_one() {
    let service = service(MODEL);
    let answer = posted(&service, EMBEDDINGS, &json!({"input": TEXTS[0]}));
    assert_eq!(answer["data"].as_array().unwrap().len(), 1);
    // langchain asks for the vector of an empty text.
    assert_eq!(posted(&service, EMBEDDINGS, &json!({"input": ""}))["data"][0]["index"], 0);
}

#[test]
fn base64_holds_the_same_floats_little_endian() {
    let service = service(MODEL);
    let floats = posted(&service, EMBEDDINGS, &json!({"input": TEXTS}));
    let body = json!({"input": TEXTS, "encoding_format": "base64"});
    let encoded = posted(&service, EMBEDDINGS, &body);
    for index in 0..2 {
        let bytes = STANDARD.decode(encoded["data"][index]["embedding"].as_str().unwrap()).unwrap();
        let (values, rest) = bytes.as_chunks::<4>();
        let values: Vec<f64> =
            values.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect();
        assert!(rest.is_empty() && close(&values, &embedding(&floats, index)));
    }
}

#[test]
fn ids_of_the_model_s_own_vocabulary_are_a_text() {
    let service = service(MODEL);
    let tokenizer = &service.model().text().unwrap().tokenizer;
    let tokens = |text: &str| -> Vec<u32> {
        tokenizer.encode(text).unwrap().iter().map(|token| token.id).collect()
    };
    let (one, two) = (tokens("the weather"), tokens("london"));
    let of_texts = posted(&service, EMBEDDINGS, &json!({"input": ["the weather", "london"]}));
    let of_ids = posted(&service, EMBEDDINGS, &json!({"input": [one, two]}));
    for index in 0..2 {
        assert!(close(&embedding(&of_texts, index), &embedding(&of_ids, index)));
    }
    let single = posted(&service, EMBEDDINGS, &json!({"input": one}));
    assert_eq!(single["data"].as_array().unwrap().len(), 1);
    let refused = post(&service, EMBEDDINGS, &json!({"input": [9_999_999]}));
    check_error(&refused, invalid("input"), "token id 9999999");
}

#[test]
fn shortened_vectors_have_length_1_again() {
    let service = service(MODEL);
    for dimensions in [json!(8), json!(8.0)] {
        let body = json!({"input": TEXTS[0], "dimensions": dimensions});
        let vector = embedding(&posted(&service, EMBEDDINGS, &body), 0);
        let length: f64 = vector.iter().map(|value| value * value).sum();
        assert!(vector.len() == 8 && (length - 1.0).abs() < 1e-5, "{vector:?}");
    }
    for (dimensions, reason) in [(0, "less than 1"), (33, "from 1 to 32")] {
        let refused = post(&service, EMBEDDINGS, &json!({"input": "a", "dimensions": dimensions}));
        check_error(&refused, invalid("dimensions"), reason);
    }
}

#[test]
fn null_and_unknown_keys_are_ignored() {
    let service = service(MODEL);
    let plain = posted(&service, EMBEDDINGS, &json!({"input": TEXTS[0]}));
    let body = json!({
        "input": TEXTS[0], "encoding_format": null, "dimensions": null, "user": null, "input_type": "query",
    });
    assert_eq!(posted(&service, EMBEDDINGS, &body)["data"], plain["data"]);
}

#[test]
fn a_text_that_is_too_long_is_refused_unless_it_may_be_shortened() {
    let service = service(MODEL);
    let long = "the weather is fine ".repeat(50);
    let refused = post(&service, EMBEDDINGS, &json!({"input": ["short", long]}));
    let code = json!("context_length_exceeded");
    check_error(&refused, (400, json!("input"), code), "maximum context length");
    posted(&service, EMBEDDINGS, &json!({"input": long, "truncate": true}));
}

#[test]
fn bad_requests_are_told_in_openai_s_error_object() {
    let service = service(MODEL);
    let refused = |body: Value| post(&service, EMBEDDINGS, &body);
    let none = || (400, Value::Null, Value::Null);
    let missing = (400, json!("input"), json!("missing_required_parameter"));
    check_error(&refused(json!({"model": "a"})), missing, "missing field `input`");
    for input in [json!(7), json!(["a", 7]), json!({"text": "a"})] {
        let refused = refused(json!({ "input": input }));
        check_error(&refused, invalid("input"), "input: expected a string");
    }
    let body = json!({"input": "a", "encoding_format": "bytes"});
    let about = "encoding_format: unknown variant `bytes`";
    check_error(&refused(body), invalid("encoding_format"), about);
    let body = json!({"input": "a", "dimensions": "8"});
    check_error(&refused(body), invalid("dimensions"), "dimensions: invalid type");
    let empty = (400, json!("input"), json!("empty_array"));
    check_error(&refused(json!({"input": []})), empty, "input is empty");
    let many = (400, json!("input"), json!("array_above_max_length"));
    check_error(&refused(json!({"input": vec!["a"; 257]})), many, "257 input are more than 256");
    let head = Head { method: "POST", path: EMBEDDINGS, ..Head::default() };
    check_error(&answer(&service, head, "{"), none(), "not valid JSON");
    let head = Head { content_type: Some("text/plain"), ..head };
    let expected = (415, Value::Null, json!("unsupported_content_type"));
    check_error(&answer(&service, head, "{}"), expected, "application/json");
    let expected = (405, Value::Null, json!("method_not_supported"));
    check_error(&get(&service, EMBEDDINGS), expected, "GET is not allowed");
}

#[test]
fn a_classifier_has_no_embeddings() {
    let (status, body) = post(&service(CLASSIFIER), EMBEDDINGS, &json!({"input": "a"}));
    check_error(&(status, body), (404, Value::Null, json!("unknown_url")), "/v1/embeddings");
}

#[test]
fn the_only_model_is_the_function() {
    let service = service(MODEL);
    let (status, list) = get(&service, "/v1/models");
    assert_eq!((status, &list["object"]), (200, &json!("list")));
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    let model = &list["data"][0];
    assert_eq!((&model["id"], &model["object"]), (&json!(MODEL), &json!("model")));
    assert!(model["created"].is_u64() && model["owned_by"].is_string(), "{model}");
    assert_eq!(&get(&service, &format!("/v1/models/{MODEL}")), &(200, model.clone()));
    for other in ["/v1/models/org%2Fother", "/v1/models/org/other"] {
        let expected = (404, json!("model"), json!("model_not_found"));
        check_error(&get(&service, other), expected, "\"org/other\" does not exist");
    }
}

#[test]
fn moderations_tell_the_model_s_labels_and_openai_s_categories() {
    let service = service(CLASSIFIER);
    let answer = posted(&service, MODERATIONS, &json!({"input": "I love it.", "model": "omni"}));
    assert!(answer["id"].as_str().unwrap().starts_with("modr-"), "{answer}");
    assert_eq!(answer["model"], CLASSIFIER);
    let body = json!({"inputs": "I love it.", "parameters": {"top_k": null}});
    let labels = posted(&service, "/v1/text-classification", &body);
    let labels = labels.as_array().unwrap();
    let result = &answer["results"][0];
    for label in labels {
        let name = label["label"].as_str().unwrap();
        let score = label["score"].as_f64().unwrap();
        assert!((result["category_scores"][name].as_f64().unwrap() - score).abs() < 1e-5);
        assert_eq!(result["categories"][name], score >= 0.5, "{result}");
        assert_eq!(result["category_applied_input_types"][name], json!(["text"]));
    }
    for map in ["categories", "category_scores", "category_applied_input_types"] {
        assert_eq!(result[map].as_object().unwrap().len(), 13 + labels.len(), "{result}");
    }
    assert_eq!(result["categories"]["self-harm/intent"], false);
    assert_eq!(result["category_scores"]["self-harm/intent"], 0.0);
    assert_eq!(result["category_applied_input_types"]["self-harm/intent"], json!([]));
    let any = result["categories"].as_object().unwrap().values().any(|applies| applies == true);
    assert_eq!(result["flagged"], any);
}

#[test]
fn each_text_has_a_result_and_parts_of_a_message_have_one_together() {
    let service = service(CLASSIFIER);
    let results = |input: Value| {
        let answer = posted(&service, MODERATIONS, &json!({ "input": input }));
        answer["results"].as_array().unwrap().clone()
    };
    let texts = results(json!(TEXTS));
    assert_eq!(texts.len(), 2);
    let parts = TEXTS.map(|text| json!({"type": "text", "text": text}));
    let together = results(json!(parts));
    assert_eq!(together.len(), 1);
    for (name, score) in together[0]["category_scores"].as_object().unwrap() {
        let most = |a: &Value| a["category_scores"][name].as_f64().unwrap();
        let expected = most(&texts[0]).max(most(&texts[1]));
        assert!((score.as_f64().unwrap() - expected).abs() < 1e-5, "{name}");
    }
}

#[test]
fn moderations_read_texts_alone_and_whole() {
    let service = service(CLASSIFIER);
    let refused = |input: Value| post(&service, MODERATIONS, &json!({ "input": input }));
    let image = json!([{"type": "image_url", "image_url": {"url": "data:,"}}]);
    check_error(
        &refused(image),
        invalid("input"),
        "input: a part of the type image_url is not read",
    );
    check_error(&refused(json!(7)), invalid("input"), "input: expected a string");
    check_error(&refused(json!([7])), invalid("input"), "input: expected a string");
    check_error(&refused(json!([])), (400, json!("input"), json!("empty_array")), "empty");
    let long = json!("I love this phone ".repeat(50));
    let code = json!("context_length_exceeded");
    check_error(&refused(long), (400, json!("input"), code), "maximum context length");
}
