//! Presidio's analyzer and anonymizer.

use pilotlight_guest::model::Usage;
use pilotlight_guest::service::Head;
use serde_json::{Value, json};

use crate::client::{get, post, posted, recognizing, service};

const TEXT: &str = "ada paid by card 4111 1111 1111 1111 in paris";

fn analyze(body: &Value) -> Value {
    posted(&recognizing(""), "/analyze", body)
}

/// Entity, start and end of each.
fn places(answer: &Value) -> Vec<(String, u64, u64)> {
    let place = |found: &Value| {
        let number = |key: &str| found[key].as_u64().unwrap();
        (found["entity_type"].as_str().unwrap().to_owned(), number("start"), number("end"))
    };
    answer.as_array().unwrap().iter().map(place).collect()
}

fn entities(body: &Value) -> Vec<String> {
    places(&analyze(body)).into_iter().map(|(entity, ..)| entity).collect()
}

#[test]
fn entities_have_presidios_names_and_stand_in_the_order_of_their_scores() {
    let answer = analyze(&json!({"text": TEXT, "language": "en"}));
    let expected = [("CREDIT_CARD", 17, 36), ("PERSON", 0, 3), ("LOCATION", 40, 45)];
    let mut found = places(&answer);
    assert_eq!(found[0], ("CREDIT_CARD".to_owned(), 17, 36));
    found.sort();
    let mut expected = expected.map(|(entity, start, end)| (entity.to_owned(), start, end));
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(answer[0]["analysis_explanation"], Value::Null);
    assert_eq!(answer[0]["score"], json!(1.0));
}

#[test]
fn a_list_of_texts_is_answered_by_a_list() {
    let answer = analyze(&json!({"text": ["ada", "met"], "language": "en"}));
    let counts: Vec<usize> =
        answer.as_array().unwrap().iter().map(|found| found.as_array().unwrap().len()).collect();
    assert_eq!(counts, [1, 0]);
}

#[test]
fn entities_threshold_and_allow_list_choose() {
    assert_eq!(entities(&json!({"text": TEXT, "entities": ["PERSON"]})), ["PERSON"]);
    assert_eq!(entities(&json!({"text": TEXT, "score_threshold": 0.9999}))[0], "CREDIT_CARD");
    let allowed = json!({"text": TEXT, "allow_list": ["Ada", "paris"]});
    assert_eq!(entities(&allowed), ["CREDIT_CARD"]);
    let regex = json!({"text": TEXT, "allow_list": ["4111.*"], "allow_list_match": "regex"});
    assert!(!entities(&regex).contains(&"CREDIT_CARD".to_owned()));
    // Without a threshold, what scores below that of the model folder is not told.
    assert!(entities(&json!({"text": "number 111222333"})).is_empty());
    let low = json!({"text": "number 111222333", "score_threshold": 0.3, "entities": ["NL_BSN"]});
    assert_eq!(entities(&low), ["NL_BSN"]);
}

#[test]
fn the_model_reads_no_text_for_entities_that_it_does_not_find() {
    let service = recognizing("");
    let tokens = |entities: &[&str]| {
        let head = Head { method: "POST", path: "/analyze", ..Head::default() };
        let body = json!({"text": TEXT, "entities": entities}).to_string();
        let mut usage = Usage::default();
        service.answer(&service.route(head).unwrap(), body.as_bytes(), &mut usage).unwrap();
        usage.tokens
    };
    assert_eq!(tokens(&["CREDIT_CARD", "IBAN_CODE"]), 0);
    assert!(tokens(&["CREDIT_CARD", "PERSON"]) > 0);
    assert!(tokens(&[]) > 0);
}

#[test]
fn context_counts_as_if_it_stood_in_the_text() {
    let body = json!({"text": "number 111222333", "context": ["bsn"]});
    assert_eq!(entities(&body), ["NL_BSN"]);
}

#[test]
fn recognizers_of_the_request_are_used() {
    let body = json!({
        "text": "zip 10023 of the Titan team",
        "ad_hoc_recognizers": [
            {
                "name": "Zip code", "supported_language": "en", "supported_entity": "ZIP",
                "patterns": [{"name": "zip", "regex": "\\b\\d{5}\\b", "score": 0.6}],
            },
            {"supported_entity": "TEAM", "deny_list": ["titan"], "supported_language": "en"},
        ],
    });
    let mut found = entities(&body);
    found.sort();
    assert_eq!(found, ["TEAM", "ZIP"]);
}

#[test]
fn a_decision_process_names_the_recognizer_and_the_context() {
    let body = json!({"text": "card 4111 1111 1111 1111", "return_decision_process": true});
    let explanation = analyze(&body)[0]["analysis_explanation"].clone();
    assert_eq!(explanation["recognizer"], "credit_card");
    assert_eq!(explanation["validation_result"], json!(true));
    assert_eq!(explanation["supportive_context_word"], "card");
}

#[test]
fn mistakes_of_a_request_are_refused_so_that_nothing_passes_unchecked() {
    let service = recognizing("");
    for (body, about) in [
        (json!({"language": "en"}), "text"),
        (json!({"text": "a", "entities": ["SHOE_SIZE"]}), "SHOE_SIZE"),
        (json!({"text": "a", "allow_list_match": "glob"}), "glob"),
        (json!({"text": "a", "score_threshold": "high"}), "score_threshold"),
        (
            json!({"text": "a", "ad_hoc_recognizers": [{
                "supported_entity": "A", "patterns": [{"regex": "(?=a)", "score": 1}],
            }]}),
            "look-around",
        ),
    ] {
        let (status, answer) = post(&service, "/analyze", &body);
        let error = answer["error"].as_str().unwrap();
        assert!(status == 422 && error.contains(about), "{status} {answer}");
    }
    assert_eq!(post(&self::service("mpnet-fill-mask"), "/analyze", &json!({"text": "a"})).0, 404);
}

fn anonymized(anonymizers: &Value) -> Value {
    let body = json!({
        "text": "hello ada, 4111 1111 1111 1111",
        "analyzer_results": [
            {"start": 6, "end": 9, "score": 0.8, "entity_type": "PERSON"},
            {"start": 11, "end": 30, "score": 1.0, "entity_type": "CREDIT_CARD"},
            {"start": 11, "end": 20, "score": 0.4, "entity_type": "PHONE_NUMBER"},
        ],
        "anonymizers": anonymizers,
    });
    posted(&recognizing(""), "/anonymize", &body)
}

#[test]
fn operators_replace_entities() {
    let text = |anonymizers: Value| anonymized(&anonymizers)["text"].as_str().unwrap().to_owned();
    assert_eq!(text(json!(null)), "hello <PERSON>, <CREDIT_CARD>");
    assert_eq!(text(json!({"DEFAULT": {"type": "redact"}})), "hello , ");
    assert_eq!(
        text(json!({
            "PERSON": {"type": "replace", "new_value": "Bob"},
            "CREDIT_CARD": {"type": "mask", "masking_char": "#", "chars_to_mask": 4, "from_end": true},
        })),
        "hello Bob, 4111 1111 1111 ####"
    );
    assert_eq!(text(json!({"DEFAULT": {"type": "keep"}})), "hello ada, 4111 1111 1111 1111");
    let hashed = text(json!({"PERSON": {"type": "hash"}, "DEFAULT": {"type": "redact"}}));
    let digest = "fdee430d40bd57deeac186cd9790033d0f06f909a8806e7ce6e717ab7c7d5029";
    assert_eq!(hashed, format!("hello {digest}, "));
    let salted = text(json!({"PERSON": {"type": "hash", "hash_type": "sha512", "salt": "x"}}));
    assert_eq!(salted.find(',').map(|comma| comma - "hello ".len()), Some(128));
}

#[test]
fn items_have_places_in_the_new_text_the_last_first() {
    let answer = anonymized(&json!(null));
    let expected = json!([
        {
            "start": 16, "end": 29, "entity_type": "CREDIT_CARD", "text": "<CREDIT_CARD>",
            "operator": "replace",
        },
        {"start": 6, "end": 14, "entity_type": "PERSON", "text": "<PERSON>", "operator": "replace"},
    ]);
    assert_eq!(answer["items"], expected);
}

#[test]
fn what_was_encrypted_is_decrypted_with_the_same_key_only() {
    let key = json!({"type": "encrypt", "key": "WmZq4t7w!z%C&F)J"});
    let encrypted = anonymized(&json!({"DEFAULT": key}));
    let restore = |key: &str| {
        let body = json!({
            "text": encrypted["text"], "anonymizer_results": encrypted["items"],
            "deanonymizers": {"DEFAULT": {"type": "decrypt", "key": key}},
        });
        post(&recognizing(""), "/deanonymize", &body)
    };
    let (status, answer) = restore("WmZq4t7w!z%C&F)J");
    assert_eq!((status, &answer["text"]), (200, &json!("hello ada, 4111 1111 1111 1111")));
    assert_eq!(restore("0123456789abcdef").0, 422);
    assert_eq!(restore("short").0, 422);
}

/// A value that OpenSSL encrypted: `openssl enc -aes-128-cbc`, with the vector 000102…0f in front.
#[test]
fn values_of_other_implementations_are_decrypted() {
    let token = "AAECAwQFBgcICQoLDA0OD1Id-pRKp5hj9oyGgl69K1M_rFpSnObEid97JRuh7vhW";
    let body = json!({
        "text": format!("of {token}!"),
        "anonymizer_results": [{"start": 3, "end": 3 + token.len(), "entity_type": "A"}],
        "deanonymizers": {"A": {"type": "decrypt", "key": "WmZq4t7w!z%C&F)J"}},
    });
    let answer = posted(&recognizing(""), "/deanonymize", &body);
    assert_eq!(answer["text"], "of Ada Lovelace, London!");
    let item = json!({
        "start": 3, "end": 23, "entity_type": "A", "text": "Ada Lovelace, London",
        "operator": "decrypt",
    });
    assert_eq!(answer["items"], json!([item]));
}

#[test]
fn bad_operators_and_places_are_refused() {
    let service = recognizing("");
    let entity = json!({"start": 0, "end": 3, "score": 1, "entity_type": "A"});
    for (results, anonymizers, about) in [
        (json!([{"start": 0, "end": 9, "entity_type": "A"}]), json!({}), "is outside of the text"),
        (json!([entity]), json!({"A": {"type": "shred"}}), "shred"),
        (json!([entity]), json!({"A": {"type": "mask", "masking_char": "ab"}}), "masking_char"),
        (json!([entity]), json!({"A": {"type": "hash", "hash_type": "md5"}}), "md5"),
        (json!([entity]), json!({"A": {"type": "encrypt", "key": "k"}}), "16, 24 or 32"),
    ] {
        let body = json!({"text": "ada", "analyzer_results": results, "anonymizers": anonymizers});
        let (status, answer) = post(&service, "/anonymize", &body);
        assert!(status == 422 && answer["error"].as_str().unwrap().contains(about), "{answer}");
    }
}

#[test]
fn what_can_be_done_is_listed() {
    let service = recognizing("countries = [\"NL\"]");
    let entities = get(&service, "/supportedentities").1;
    let has = |name: &str| entities.as_array().unwrap().contains(&json!(name));
    assert!(has("PERSON") && has("LOCATION") && has("EMAIL_ADDRESS") && has("NL_BSN"));
    assert!(!has("US_SSN") && !has("EMAIL"));
    let recognizers = get(&service, "/recognizers").1;
    assert!(recognizers.as_array().unwrap().contains(&json!("nl_bsn")));
    assert_eq!(get(&service, "/anonymizers").1.as_array().unwrap().len(), 6);
    assert_eq!(get(&service, "/deanonymizers").1, json!(["decrypt"]));
}
