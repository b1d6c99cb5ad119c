//! Requests, good and bad, against a tiny model.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use pilotlight_guest::api::ApiError;
use pilotlight_guest::engine::Placement;
use pilotlight_guest::model::Usage;
use pilotlight_guest::service::{Head, Service};
use pilotlight_guest::tasks::token_classification::Span;
use pilotlight_guest::tasks::token_classification::redact::redact;
use pilotlight_guest::text::words::Cuts;
use pilotlight_model::ModelFolder;
use pilotlight_testing::tiny_model;
use proptest::prelude::*;
use serde_json::{Value, json};

const CLASSIFY: &str = "/v1/token-classification";
const REDACT: &str = "/v1/redact";
const INFO: &str = "/info";

thread_local! {
    static SERVICE: Service = {
        let folder = tiny_model::folder(&tiny_model::graph());
        Service::load(&ModelFolder::open(folder.path()).unwrap(), Placement::default()).unwrap()
    };
}

/// The path of the route that a request goes to.
fn route(head: Head<'_>) -> Result<&'static str, ApiError> {
    SERVICE.with(|service| Ok(service.route(head)?.path()))
}

fn post(path: &str, body: impl AsRef<[u8]>) -> Result<Value, ApiError> {
    let method = if path == INFO { "GET" } else { "POST" };
    let answer = SERVICE.with(|service| {
        let endpoint = service.route(Head { method, path, ..Head::default() })?;
        service.answer(&endpoint, body.as_ref(), &mut Usage::default())
    });
    Ok(serde_json::from_slice(&answer?.body).unwrap())
}

fn status(path: &str, body: impl AsRef<[u8]>) -> u16 {
    post(path, body).err().map_or(200, |error| error.status())
}

#[test]
fn one_text_is_answered_by_a_list_and_many_by_a_list_of_lists() {
    let one = post(CLASSIFY, r#"{"inputs": "Ada"}"#).unwrap();
    assert_eq!(one[0]["entity_group"], "PER");
    let many = post(CLASSIFY, r#"{"inputs": ["Ada", "", "Paris"]}"#).unwrap();
    assert_eq!(many[0], one);
    assert_eq!(many[1], json!([]));
    assert_eq!(many[2][0]["entity_group"], "LOC");
}

#[test]
fn offsets_count_code_points() {
    let answer = post(CLASSIFY, r#"{"inputs": "😀é Ada"}"#).unwrap();
    assert_eq!((answer[0]["start"].as_u64(), answer[0]["end"].as_u64()), (Some(3), Some(6)));
}

#[test]
fn bodies_that_are_not_json_are_malformed() {
    let deep = format!("{{\"inputs\": {}", "[".repeat(10_000));
    let bodies: [&[u8]; 8] = [
        b"",
        b"{",
        b"{\"inputs\": \"a",
        b"\xff\xfe",
        b"{\"inputs\": \"\xff\"}",
        br#"{"inputs": "\ud800"}"#,
        b"{\"inputs\": \"a\0b\"}",
        deep.as_bytes(),
    ];
    for body in bodies {
        assert_eq!(status(CLASSIFY, body), 400, "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn json_of_another_form_is_invalid() {
    let nested = format!("{{\"inputs\": {}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let many = json!({"inputs": vec![""; 257]}).to_string();
    for body in [
        "null",
        "[]",
        "1",
        "{}",
        r#"["a"]"#,
        &nested,
        r#"{"inputs": 1}"#,
        r#"{"inputs": [1]}"#,
        r#"{"inputs": []}"#,
        r#"{"inputs": "a", "surprise": 1}"#,
        r#"{"inputs": "a", "parameters": {"surprise": 1}}"#,
        r#"{"inputs": "a", "parameters": {"aggregation_strategy": "best"}}"#,
        r#"{"inputs": "a", "parameters": {"stride": -1}}"#,
        r#"{"inputs": "a", "parameters": {"stride": 14}}"#,
        r#"{"inputs": "a", "inputs": "b"}"#,
        &many,
    ] {
        assert_eq!(status(CLASSIFY, body), 422, "{body}");
    }
    for body in [
        r#"{"text": 1}"#,
        r#"{"text": "a", "entities": [{"start": 0, "end": 1}]}"#,
        r#"{"text": "a", "entities": [{"label": "X", "start": 1, "end": 0}]}"#,
        r#"{"text": "a", "entities": [{"label": "X", "start": 0, "end": 2}]}"#,
    ] {
        assert_eq!(status(REDACT, body), 422, "{body}");
    }
}

#[test]
fn what_clients_of_hosted_inference_send_is_accepted() {
    let body = r#"{"inputs": "a", "parameters": {}, "options": {"wait_for_model": true}}"#;
    assert_eq!(status(CLASSIFY, body), 200);
    assert_eq!(status(CLASSIFY, r#"{"inputs": "nul \u0000 inside"}"#), 200);
}

#[test]
fn null_stands_for_the_default_of_every_optional_key() {
    let plain = post(CLASSIFY, r#"{"inputs": "Ada met Paris"}"#).unwrap();
    for rest in [
        r#""parameters": null"#,
        r#""options": null"#,
        r#""parameters": {"aggregation_strategy": null}"#,
        r#""parameters": {"ignore_labels": null, "stride": null}"#,
        r#""parameters": {"aggregation_strategy": null, "stride": null}, "options": null"#,
    ] {
        let body = format!(r#"{{"inputs": "Ada met Paris", {rest}}}"#);
        assert_eq!(post(CLASSIFY, &body).unwrap(), plain, "{rest}");
    }
    let plain = post(REDACT, r#"{"text": "Ada met Paris"}"#).unwrap();
    let body = r#"{"text": "Ada met Paris", "entities": null, "placeholder": null}"#;
    assert_eq!(post(REDACT, body).unwrap(), plain);
    let span = r#"{"label": "PER", "start": 0, "end": 3, "score": null}"#;
    let body = format!(r#"{{"text": "Ada", "entities": [{span}]}}"#);
    assert_eq!(post(REDACT, body).unwrap()["entities"][0]["score"], 1.0);
}

#[test]
fn what_is_needed_cannot_be_null() {
    assert_eq!(status(CLASSIFY, r#"{"inputs": null}"#), 422);
    assert_eq!(status(CLASSIFY, r#"{"inputs": [null]}"#), 422);
    assert_eq!(status(REDACT, r#"{"text": null}"#), 422);
    assert_eq!(status(REDACT, r#"{"text": "a", "entities": [null]}"#), 422);
}

#[test]
fn values_of_another_type_are_invalid_and_not_malformed() {
    let others = ["7", "1.5", "1e999", "true", "[]", r#"["max"]"#, "{}", r#"{"simple": null}"#];
    for other in others {
        for key in ["aggregation_strategy", "stride", "ignore_labels"] {
            let (body, taken) = (
                format!(r#"{{"inputs": "a", "parameters": {{"{key}": {other}}}}}"#),
                (key == "stride" && other == "7")
                    || (key == "ignore_labels" && other.starts_with('[')),
            );
            let expected = if taken { 200 } else { 422 };
            assert_eq!(status(CLASSIFY, &body), expected, "{body}");
        }
        for body in [
            format!(r#"{{"inputs": "a", "parameters": {}}}"#, other.replace("{}", "\"x\"")),
            format!(r#"{{"inputs": {}}}"#, other.replace("[\"max\"]", "[[]]").replace("[]", "7")),
        ] {
            assert_eq!(status(CLASSIFY, &body), 422, "{body}");
        }
        for key in ["text", "placeholder"] {
            let body = format!(r#"{{"text": "a", "{key}": {other}}}"#);
            assert_eq!(status(REDACT, &body), 422, "{body}");
        }
    }
    for entities in [r#"[["PER", 0, 1]]"#, r#"{"label": "PER"}"#, "[1]", r#""PER""#] {
        let body = format!(r#"{{"text": "a", "entities": {entities}}}"#);
        assert_eq!(status(REDACT, &body), 422, "{body}");
    }
}

#[test]
fn a_byte_order_mark_in_front_is_ignored() {
    assert_eq!(status(CLASSIFY, "\u{feff}{\"inputs\": \"Ada\"}"), 200);
    assert_eq!(status(REDACT, "\u{feff}{\"text\": \"Ada\"}"), 200);
    assert_eq!(status(CLASSIFY, "\u{feff}"), 400);
    let kept = post(REDACT, "{\"text\": \"\u{feff}a\", \"entities\": []}").unwrap();
    assert_eq!(kept["text"], "\u{feff}a");
}

#[test]
fn what_is_found_can_be_sent_back_for_redaction() {
    let text = "Ada met Paris";
    let found = post(CLASSIFY, json!({"inputs": text}).to_string()).unwrap();
    let body = json!({"text": text, "entities": found, "placeholder": "<{label}>"});
    let redacted = post(REDACT, body.to_string()).unwrap();
    assert_eq!(redacted["text"], "<PER> met <LOC>");
    assert_eq!(redacted["entities"][1]["word"], "Paris");
}

#[test]
fn overlapping_and_touching_spans_get_one_placeholder() {
    let span = |label: &str, start, end| Span { label: label.into(), start, end, score: 1.0 };
    let redacted = |spans| redact("abcdefgh", spans, None).unwrap().text;
    assert_eq!(redacted(vec![span("X", 0, 2), span("Y", 1, 4)]), "[Y]efgh");
    assert_eq!(redacted(vec![span("X", 0, 2), span("B-X", 2, 4)]), "[X]efgh");
    assert_eq!(redacted(vec![span("X", 0, 2), span("Y", 2, 4)]), "[X][Y]efgh");
    assert_eq!(redacted(vec![span("X", 2, 3), span("Y", 0, 8)]), "[Y]");
    assert_eq!(redacted(vec![span("X", 3, 3)]), "abcdefgh");
}

#[test]
fn paths_methods_and_content_types_are_told_apart() {
    let head = |method, path, content_type| Head { method, path, content_type, ..Head::default() };
    let status = |head| route(head).err().map_or(200, |error| error.status());
    assert_eq!(route(head("POST", "/", None)), Ok("/"));
    assert_eq!(route(head("POST", "/v1/token-classification", None)), Ok(CLASSIFY));
    assert_eq!(status(head("POST", "/", Some("Application/JSON; charset=utf-8"))), 200);
    assert_eq!(status(head("POST", CLASSIFY, Some("text/plain"))), 415);
    assert_eq!(status(head("GET", "/", None)), 200);
    assert_eq!(status(head("PUT", "/", None)), 405);
    assert_eq!(status(head("POST", "/info", None)), 405);
    assert_eq!(status(head("GET", "/other", None)), 404);
}

#[test]
fn every_form_of_a_path_reaches_its_endpoint() {
    let head = |method, path| Head { method, path, ..Head::default() };
    for path in [
        "/v1/redact/",
        "/v1/%72edact",
        "/v1/%72%65dact/",
        "//v1/redact",
        "/v1//redact",
        "/./v1/redact",
        "/x/../v1/redact",
        "/x/%2E%2e/v1/redact",
    ] {
        assert_eq!(route(head("POST", path)), Ok(REDACT), "{path}");
    }
    assert_eq!(route(head("POST", "/v1/token%2Dclassification")), Ok(CLASSIFY));
    assert_eq!(route(head("POST", "//")), Ok("/"));
    assert_eq!(route(head("GET", "/info/")), Ok(INFO));
    for path in ["/V1/REDACT", "/v1%2Fredact", "/v1/%2572edact", "/v1/redact;x", "/v1"] {
        assert_eq!(route(head("POST", path)).unwrap_err().status(), 404, "{path}");
    }
    for path in ["/v1/redact%", "/%zz", "/info%2"] {
        assert_eq!(route(head("POST", path)).unwrap_err().status(), 400, "{path}");
    }
}

#[test]
fn head_goes_where_get_goes_and_options_tells_what_a_path_takes() {
    let head = |method, path| Head { method, path, ..Head::default() };
    assert_eq!(route(head("HEAD", "/info")), Ok(INFO));
    for (path, allow) in [
        ("/", "POST, GET, HEAD"),
        ("/v1/token-classification", "POST"),
        ("/v1/redact/", "POST"),
        ("/info", "GET, HEAD"),
        ("*", "GET, HEAD, POST"),
    ] {
        let allowed = SERVICE.with(|service| {
            service.route(head("OPTIONS", path)).unwrap().allow().map(str::to_owned)
        });
        assert_eq!(allowed.as_deref(), Some(allow), "{path}");
    }
    for (method, path, allow) in [
        ("PUT", "/", "POST, GET, HEAD"),
        ("DELETE", "/info", "GET, HEAD"),
        ("GE", "/info", "GET, HEAD"),
    ] {
        let refused = route(head(method, path)).unwrap_err();
        assert_eq!(refused.status(), 405, "{method} {path}");
        assert_eq!(refused.header(), Some(("allow", allow.to_owned())));
    }
    assert_eq!(route(head("OPTIONS", "/other")).unwrap_err().status(), 404);
    assert_eq!(route(head("GET", "*")).unwrap_err().status(), 404);
}

proptest! {
    #[test]
    fn no_body_is_answered_by_anything_but_a_status(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for endpoint in [CLASSIFY, REDACT, INFO] {
            prop_assert!([200, 400, 422].contains(&status(endpoint, &body)));
        }
    }

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        let body = json!({"inputs": text}).to_string();
        prop_assert_eq!(status(CLASSIFY, body), 200);
    }

    #[test]
    fn no_entity_is_lost_or_doubled_however_long_the_text(
        words in proptest::collection::vec(0usize..4, 0..120),
        stride in 0usize..14,
    ) {
        let spelled: Vec<&str> = words.iter().map(|word| ["ada", "paris", "met", "adas"][*word]).collect();
        let body = json!({"inputs": spelled.join(" "), "parameters": {"stride": stride}});
        let found = post(CLASSIFY, body.to_string()).unwrap();
        let mut expected = vec![];
        let mut start = 0;
        for word in spelled {
            let name = if word == "adas" { "ada" } else { word };
            if name != "met" {
                expected.push((start, name.to_owned()));
            }
            start += word.len() as u64 + 1;
        }
        let found: Vec<(u64, String)> = found
            .as_array()
            .unwrap()
            .iter()
            .map(|entity| (entity["start"].as_u64().unwrap(), entity["word"].as_str().unwrap().into()))
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn redaction_leaves_what_is_outside_of_spans(
        text in "\\PC{0,40}",
        places in proptest::collection::vec((0usize..40, 0usize..10), 0..8),
    ) {
        let points: Vec<char> = text.chars().collect();
        let graphemes = Cuts::between_graphemes(&text);
        let spans: Vec<Span> = places
            .iter()
            .map(|(start, length)| ((*start).min(points.len()), *length))
            .map(|(start, length)| Span {
                label: "X".into(), start, end: (start + length).min(points.len()), score: 1.0,
            })
            .collect();
        // Whole characters go: an accent goes with its letter.
        let replaced: Vec<(usize, usize)> = spans
            .iter()
            .filter(|span| span.start < span.end)
            .map(|span| graphemes.widen(span.start, span.end))
            .collect();
        let kept: String = points
            .iter()
            .enumerate()
            .filter(|(place, _)| !replaced.iter().any(|(start, end)| (*start..*end).contains(place)))
            .map(|(_, point)| *point)
            .collect();
        let redacted = redact(&text, spans, Some("")).unwrap();
        prop_assert_eq!(redacted.text, kept);
        for pair in redacted.entities.windows(2) {
            prop_assert!(pair[0].end < pair[1].start);
        }
    }
}
