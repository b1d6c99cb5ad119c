//! Recognizers beside the model in `/v1/redact`.

use serde_json::{Value, json};

use crate::client::{get, post, posted, recognizing, tiny};

const CARD: &str = "4111 1111 1111 1111";

fn redacted(options: &str, text: &str) -> String {
    let answer = posted(&recognizing(options), "/v1/redact", &json!({"text": text}));
    answer["text"].as_str().unwrap().to_owned()
}

#[test]
fn identifiers_and_names_are_replaced_together() {
    let text = format!("ada paid with {CARD} in paris");
    assert_eq!(redacted("", &text), "[PER] paid with [CREDIT_CARD] in [LOC]");
    let without = posted(&tiny(), "/v1/redact", &json!({"text": text}));
    assert_eq!(without["text"], json!(format!("[PER] paid with {CARD} in [LOC]")));
}

#[test]
fn token_classification_answers_what_the_model_says() {
    let body = json!({"inputs": format!("ada paid with {CARD}")});
    let path = "/v1/token-classification";
    assert_eq!(posted(&recognizing(""), path, &body), posted(&tiny(), path, &body));
}

#[test]
fn an_explanation_says_who_found_what_and_why() {
    let body = json!({"text": "mail ada@example.com", "explain": true});
    let answer = posted(&recognizing(""), "/v1/redact", &body);
    let entity = &answer["entities"][0];
    assert_eq!(entity["entity_group"], "EMAIL");
    assert_eq!(entity["also_labels"], json!(["PER", "URL"]));
    let explanation = &entity["explanation"];
    assert_eq!(explanation["origin"], "recognizer");
    assert_eq!(explanation["recognizer"], "email");
    assert_eq!(explanation["validated"], json!(false));
    assert_eq!(explanation["beaten"][1]["label"], "PER");
    assert_eq!(explanation["beaten"][1]["reason"], "certain");
    let silent = posted(&recognizing(""), "/v1/redact", &json!({"text": "mail ada@example.com"}));
    assert_eq!(silent["entities"][0].get("explanation"), None::<&Value>);
}

#[test]
fn entities_of_the_request_are_taken_as_they_are() {
    let span = json!({"label": "PER", "start": 0, "end": 3});
    let body = json!({"text": format!("ada {CARD}"), "entities": [span]});
    let answer = posted(&recognizing(""), "/v1/redact", &body);
    assert_eq!(answer["text"], json!(format!("[PER] {CARD}")));
}

#[test]
fn own_patterns_deny_lists_and_allow_lists_are_part_of_the_function() {
    let options = r#"
        allow = ["ada"]
        [[recognizers.patterns]]
        name = "ticket"
        label = "TICKET"
        pattern = '\bT-\d{4}\b'
        [[recognizers.deny]]
        label = "PROJECT"
        terms = ["Falcon"]
    "#;
    let text = "ada met falcon about T-1234 in paris";
    assert_eq!(redacted(options, text), "ada met [PROJECT] about [TICKET] in [LOC]");
}

#[test]
fn places_are_counted_in_code_points_and_whole_grapheme_clusters() {
    let body = json!({"text": format!("😀 {CARD}\u{301} é")});
    let answer = posted(&recognizing(""), "/v1/redact", &body);
    let entity = &answer["entities"][0];
    assert_eq!((&entity["start"], &entity["end"]), (&json!(2), &json!(22)));
    assert_eq!(answer["text"], "😀 [CREDIT_CARD] é");
}

#[test]
fn info_lists_what_recognizers_find() {
    let labels = |options: &str| get(&recognizing(options), "/info").1["recognized_labels"].clone();
    assert_eq!(labels("labels = [\"IBAN\", \"EMAIL\"]"), json!(["EMAIL", "IBAN"]));
    assert_eq!(get(&tiny(), "/info").1.get("recognized_labels"), None::<&Value>);
}

#[test]
fn explain_is_a_boolean_or_null() {
    let service = recognizing("");
    for (value, status) in [(json!(null), 200), (json!(true), 200), (json!("yes"), 422)] {
        let body = json!({"text": "ada", "explain": value});
        assert_eq!(post(&service, "/v1/redact", &body).0, status, "{value}");
    }
}
