//! WebSockets in Vosk's protocol.

use pilotlight_guest::service::Head;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::kit::{close, converse, parsed, pcm, probabilities, tiny};

const HEAD: Head<'_> = Head {
    method: "POST",
    path: "/v1/audio/vosk",
    content_type: None,
    json_length: None,
    user_agent: None,
    accept: None,
    query: None,
};

fn message(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut message = vec![kind];
    message.extend((content.len() as u32).to_le_bytes());
    message.extend(content);
    message
}

fn text(content: &str) -> Vec<u8> {
    message(1, content.as_bytes())
}

/// What a client of Vosk sends: the rate, audio in messages of a size, the end.
fn conversation(audio: &[u8], size: usize) -> Vec<u8> {
    let mut sent = text(r#"{"config": {"sample_rate": 16000.0, "words": true}}"#);
    sent.extend(audio.chunks(size).flat_map(|part| message(0, part)));
    sent.extend(text(r#"{"eof" : 1}"#));
    sent
}

fn told(sent: &[u8], sizes: &[usize]) -> Vec<Value> {
    parsed(&converse(&tiny(), HEAD, sent, sizes).unwrap())
}

fn told_probabilities(answers: &[Value]) -> Vec<f32> {
    let lists = answers.iter().filter_map(|answer| answer["probabilities"].as_array());
    lists.flatten().map(|value| value.as_f64().unwrap() as f32).collect()
}

#[test]
fn each_message_of_audio_and_the_end_have_one_answer() {
    let audio = pcm(8_000, 16_000, 8_000);
    let answers = told(&conversation(&audio, 8_000), &[4096]);
    assert_eq!(answers.len(), audio.len().div_ceil(8_000) + 1);
    assert!(close(&told_probabilities(&answers), &probabilities(&audio), 1e-5));
    let kinds: Vec<&str> = answers
        .iter()
        .map(|answer| if answer.get("partial").is_some() { "partial" } else { "result" })
        .collect();
    let partial = ["partial"; 6];
    assert_eq!(kinds[..6], partial);
    assert_eq!(kinds[7..], ["partial", "result"]);
    assert_eq!(answers[6]["text"], "");
    let segment = &answers[6]["result"][0];
    assert!((0.4..0.55).contains(&segment["start"].as_f64().unwrap()), "{segment}");
}

#[test]
fn the_rate_is_that_of_the_configuration() {
    let mut sent = text(r#"{"config": {"sample_rate": 8000}}"#);
    sent.extend(message(0, &pcm(8_000, 0, 0)));
    sent.extend(text(r#"{"eof": 1}"#));
    let answers = told(&sent, &[100]);
    assert_eq!(told_probabilities(&answers).len(), 32, "a second");
    let mut late = message(0, &pcm(512, 0, 0));
    late.extend(text(r#"{"config": {"sample_rate": 8000}}"#));
    let answers = told(&late, &[100]);
    assert!(answers[1]["error"].as_str().unwrap().contains("cannot change"));
}

#[test]
fn a_reset_begins_anew() {
    let audio = pcm(0, 2_048, 0);
    let mut sent = message(0, &audio);
    sent.extend(text(r#"{"reset": 1}"#));
    sent.extend(message(0, &audio));
    let answers = told(&sent, &[100]);
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[0], answers[2]);
    assert_eq!(answers[1], json!({"result": [], "text": "", "probabilities": []}));
}

#[test]
fn what_follows_the_end_is_ignored() {
    let mut sent = text(r#"{"eof": 1}"#);
    sent.extend(message(0, &pcm(512, 0, 0)));
    assert_eq!(told(&sent, &[1000]), [json!({"result": [], "text": "", "probabilities": []})]);
}

#[test]
fn what_is_not_the_protocol_ends_the_session_with_an_error() {
    let long = [&[0u8][..], &u32::MAX.to_le_bytes()].concat();
    for (sent, part) in [
        (message(7, b""), "kind 7"),
        (message(1, b"\xff"), "not text"),
        (text("{"), "EOF"),
        (text(r#"{"config": {"sample_rate": "high"}}"#), "f64"),
        (long, "more than"),
        ([text(r#"{"config": {"sample_rate": 1}}"#), message(0, b"\0\0")].concat(), "1 Hz"),
    ] {
        let answers = told(&sent, &[2]);
        assert_eq!(answers.len(), 1, "{part}");
        let error = answers[0]["error"].as_str().unwrap();
        assert!(error.contains(part), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn how_messages_are_cut_into_pieces_does_not_matter(
        size in 1usize..3000,
        sizes in prop::collection::vec(1usize..5000, 1..6),
    ) {
        let sent = conversation(&pcm(700, 1_000, 700), size);
        prop_assert_eq!(told(&sent, &sizes), told(&sent, &[sent.len()]));
    }
}
