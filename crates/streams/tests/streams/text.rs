//! Plain text.

use pilotlight_streams::Form;
use serde_json::json;

use crate::kit::{CARD, MAIL, data, passed, passes};

#[test]
fn a_sentence_passes_when_the_next_one_begins() {
    let mut stream = pilotlight_streams::Stream::new(Form::Text);
    let mut out = Vec::new();
    let mut push = |chunk: &str| {
        out.clear();
        stream.push(chunk.as_bytes(), &mut crate::kit::Redactor, &mut out).unwrap();
        String::from_utf8(out.clone()).unwrap()
    };
    assert_eq!(push("Mail ada@exam"), "");
    assert_eq!(push("ple.com. "), "");
    assert_eq!(push("Thanks"), "Mail [EMAIL]. ");
}

#[test]
fn a_value_in_several_chunks_is_found() {
    let chunks = ["Pay with 4111 1", "111 1111 11", "11 please."];
    let (out, _) = passed(Form::Text, chunks.map(str::as_bytes));
    assert_eq!(out, "Pay with [CREDIT_CARD] please.");
}

#[test]
fn code_points_in_several_chunks_are_put_together() {
    let bytes = "Größe 好 😀.".as_bytes();
    let (out, _) = passed(Form::Text, bytes.chunks(1));
    assert_eq!(out, "Größe 好 😀.");
}

#[test]
fn text_becomes_events_for_who_asks_for_them() {
    let out = passes(Form::TextToEvents, &format!("Mail {MAIL}. Pay with {CARD}."));
    assert_eq!(
        data(&out),
        [json!({"text": "Mail [EMAIL]. "}), json!({"text": "Pay with [CREDIT_CARD]."})]
    );
    assert!(out.ends_with("data: [DONE]\n\n"));
}

#[test]
fn events_of_text_are_one_text() {
    let stream = format!(
        "data: {}\r\n\r\ndata: {}\r\n\r\ndata: [DONE]\r\n\r\n",
        json!({"text": "Mail ada@exam"}),
        json!({"text": "ple.com."})
    );
    let out = passes(Form::Events, &stream);
    assert_eq!(data(&out), [json!({"text": "Mail [EMAIL]."})]);
}
