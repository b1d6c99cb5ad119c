//! `POST /v1/redact/stream`.

use std::sync::OnceLock;

use pilotlight_guest::model::Usage;
use pilotlight_guest::service::{Head, Service, refuse};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::client::{posted, recognizing, tiny};

const PATH: &str = "/v1/redact/stream";
const CARD: &str = "4111 1111 1111 1111";
const EVENTS: &str = "text/event-stream";

fn head<'a>(content_type: Option<&'a str>) -> Head<'a> {
    Head { method: "POST", path: PATH, content_type, ..Head::default() }
}

/// What is answered to chunks, and whether the session has failed.
fn streamed<'a>(
    service: &Service,
    head: Head<'_>,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (String, bool) {
    let endpoint = service.route(head).unwrap();
    let mut opened = service.open(&endpoint).unwrap().unwrap();
    let (mut usage, mut out) = (Usage::default(), Vec::new());
    let mut result = Ok(());
    for chunk in chunks {
        if result.is_ok() {
            result = opened.session.push(chunk, &mut usage, &mut out);
        }
    }
    if result.is_ok() {
        result = opened.session.finish(&mut usage, &mut out);
    }
    if let Err(error) = &result {
        opened.session.fail(error, &mut out);
    }
    (String::from_utf8(out).unwrap(), result.is_err())
}

/// The status and the error type of a refused head.
fn refused(service: &Service, head: Head<'_>) -> (u16, Value) {
    let opened =
        service.route(head).and_then(|endpoint| service.open(&endpoint).unwrap().map(|_| ()));
    let (status, body) = refuse(PATH, &opened.unwrap_err());
    (status, serde_json::from_slice::<Value>(&body).unwrap()["error_type"].clone())
}

#[test]
fn names_and_identifiers_are_replaced_across_chunks() {
    let service = recognizing("");
    let chunks = ["ad", "a paid with 4111 11", "11 1111 1111 in pa", "ris. Bye"];
    let (text, failed) = streamed(&service, head(Some("text/plain")), chunks.map(str::as_bytes));
    assert_eq!((&text[..], failed), ("[PER] paid with [CREDIT_CARD] in [LOC]. Bye", false));
}

#[test]
fn a_placeholder_is_given_by_the_query() {
    let query = Some("placeholder=%3C%7Blabel%7D%3E");
    let (text, _) = streamed(&tiny(), Head { query, ..head(None) }, [&b"ada"[..]]);
    assert_eq!(text, "<PER>");
}

#[test]
fn text_is_answered_with_events_where_they_are_accepted() {
    let service = tiny();
    let head = Head { accept: Some("text/event-stream"), ..head(Some("text/plain")) };
    let endpoint = service.route(head).unwrap();
    assert_eq!(service.open(&endpoint).unwrap().unwrap().content_type, EVENTS);
    let (text, _) = streamed(&service, head, [&b"ada"[..]]);
    assert_eq!(text, "data: {\"text\":\"[PER]\"}\n\ndata: [DONE]\n\n");
}

#[test]
fn events_pass_with_their_texts_redacted() {
    let event = |content: &str| {
        let choices = json!([{"index": 0, "delta": {"content": content}}]);
        format!("data: {}\n\n", json!({"id": "c-1", "choices": choices}))
    };
    let body = event("ad") + &event("a is in par") + &event("is") + "data: [DONE]\n\n";
    let (text, failed) = streamed(&tiny(), head(Some(EVENTS)), [body.as_bytes()]);
    assert!(!failed);
    assert!(text.contains("\"content\":\"[PER] is in [LOC]\""), "{text}");
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
}

#[test]
fn a_body_that_comes_whole_is_answered_alike() {
    let service = recognizing("");
    let head = head(Some("text/plain"));
    let endpoint = service.route(head).unwrap();
    let body = format!("ada paid with {CARD}.");
    let answer = service.answer(&endpoint, body.as_bytes(), &mut Usage::default()).unwrap();
    assert_eq!(answer.content_type, "text/plain; charset=utf-8");
    assert_eq!(answer.body[..], *b"[PER] paid with [CREDIT_CARD].");
}

#[test]
fn what_cannot_be_read_is_refused_before_anything_is_answered() {
    let service = tiny();
    for content_type in ["application/json", "text/plain; charset=utf-16", "image/png"] {
        let (status, error) = refused(&service, head(Some(content_type)));
        assert_eq!((status, error), (415, json!("unsupported_media_type")), "{content_type}");
    }
    let head = Head { query: Some("placeholders=x"), ..head(None) };
    assert_eq!(refused(&service, head), (422, json!("invalid")));
}

#[test]
fn a_stream_that_cannot_be_checked_ends_without_its_text() {
    let service = tiny();
    let (text, failed) = streamed(&service, head(None), [&b"One. ada\xff"[..]]);
    assert!(failed && !text.contains("ada"), "{text}");
    let body = format!("data: {}\n\n", json!({"type": "unknown", "text": "ada"}));
    let (text, failed) = streamed(&service, head(Some(EVENTS)), [body.as_bytes()]);
    assert!(failed && !text.contains("ada") && text.contains("event: error"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn streamed_redaction_is_whole_redaction_of_the_segments(
        words in prop::collection::vec(prop::sample::select(vec![
            "ada", "paris", "met", CARD, "ada@example.com", "é.", "好。", "x", "\n\n", "end. ",
        ]), 0..40),
        sizes in prop::collection::vec(1usize..9, 1..20),
    ) {
        static SERVICE: OnceLock<Service> = OnceLock::new();
        let service = SERVICE.get_or_init(|| recognizing("labels = [\"CREDIT_CARD\", \"EMAIL\"]"));
        let text = words.join(" ");
        let mut segments = pilotlight_recognizers::Segments::new();
        let mut all = segments.push(&text);
        all.extend(segments.finish());
        let redact = |text: &String| posted(service, "/v1/redact", &json!({"text": text}));
        let expected: String =
            all.iter().map(|text| redact(text)["text"].as_str().unwrap().to_owned()).collect();

        let (mut chunks, mut rest) = (Vec::new(), text.as_bytes());
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, others) = rest.split_at((*size).min(rest.len()));
            chunks.push(chunk);
            rest = others;
        }
        let (streamed, failed) = streamed(service, head(None), chunks);
        prop_assert!(!failed);
        prop_assert_eq!(&streamed, &expected);
        for value in ["ada", "paris", CARD] {
            prop_assert!(!streamed.contains(value), "{}", streamed);
        }
    }
}
