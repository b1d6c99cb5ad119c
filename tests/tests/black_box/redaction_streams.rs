//! Texts that are redacted and re-identified while they pass, on routes with a de-identification and without.

use std::fs;

use pilotlight_tests::{Answer, Server, component, send, test_guest};
use serde_json::{Value, json};
use ureq::http::Request;

use crate::deidentification::{Lab, RING, TEXT, leaks};

const REDACT: &str = "/v1/redact/stream";
const REIDENTIFY: &str = "/v1/reidentify/stream";
const EVENTS: &str = "text/event-stream";

fn stream(server: &Server, lab: &Lab, route: &str, target: (&str, &str), body: &str) -> Answer {
    let (path, content_type) = target;
    let request = Request::post(format!("{}{path}", server.url))
        .header("content-type", content_type)
        .header("x-route", route)
        .header("x-api-key", &lab.key);
    send(request.body(body.as_bytes().to_vec()).unwrap())
}

/// Events of a chat completion whose content comes a few letters at a time.
fn chat(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let parts = letters.chunks(3).map(|part| {
        let content: String = part.iter().collect();
        json!({"choices": [{"index": 0, "delta": {"content": content}}]})
    });
    let stop = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let events = parts.chain([stop]).map(|event| format!("data: {event}\n\n"));
    events.collect::<String>() + "data: [DONE]\n\n"
}

/// The content of all events.
fn content(events: &str) -> String {
    let data = events.lines().filter_map(|line| line.strip_prefix("data: {"));
    let events = data.map(|line| serde_json::from_str::<Value>(&format!("{{{line}")).unwrap());
    let content = |event: Value| Some(event["choices"][0]["delta"]["content"].as_str()?.to_owned());
    events.filter_map(content).collect()
}

#[test]
fn streams_are_redacted_encrypted_and_reidentified_and_leak_nowhere() {
    let encrypt = format!("mode = \"encrypt\"\n{RING}");
    let redact = "mode = \"redact\"\nplaceholder = \"<{label}>\"";
    let lab = Lab::new(&component(), &[("redact", redact), ("encrypt", &encrypt)]);
    let server = lab.serve();
    let plain = "text/plain";
    let redacted = stream(&server, &lab, "redact", (REDACT, plain), TEXT);
    assert_eq!(redacted.status, 200, "{}", redacted.text);
    assert_eq!(redacted.text, "My name is <GIVEN_NAME> <SURNAME>, reach me at <EMAIL>.");
    assert_eq!(redacted.header("content-type"), "text/plain; charset=utf-8");
    assert!(!redacted.header("x-request-id").is_empty());
    let given = format!("{REDACT}?placeholder=x");
    let given = stream(&server, &lab, "redact", (&given, plain), "sarah.smith@example.com");
    assert_eq!(given.text, "x");

    let encrypted = stream(&server, &lab, "encrypt", (REDACT, EVENTS), &chat(TEXT));
    assert_eq!(encrypted.header("content-type"), EVENTS);
    let tokens = content(&encrypted.text);
    assert!(tokens.contains("[EMAIL:k1:") && !leaks(&encrypted.text), "{}", encrypted.text);
    assert!(encrypted.text.ends_with("data: [DONE]\n\n"), "{}", encrypted.text);
    let restored = stream(&server, &lab, "encrypt", (REIDENTIFY, EVENTS), &chat(&tokens));
    assert_eq!(content(&restored.text), TEXT);
    let restored = stream(&server, &lab, "encrypt", (REIDENTIFY, plain), &tokens);
    assert_eq!(restored.text, TEXT);

    // What is wrong is told, and repeats nothing.
    let nothing = stream(&server, &lab, "redact", (REIDENTIFY, plain), &tokens);
    assert_eq!((nothing.status, &nothing.json()["error_type"]), (404, &json!("not_found")));
    for content_type in ["application/json", "text/plain; charset=latin1"] {
        let answer = stream(&server, &lab, "redact", (REDACT, content_type), TEXT);
        assert!(answer.status == 415 && !leaks(&answer.text), "{}", answer.text);
    }
    let unknown = format!("{REDACT}?Sarah=1");
    let answer = stream(&server, &lab, "redact", (&unknown, plain), TEXT);
    assert!(answer.status == 422 && !leaks(&answer.text), "{}", answer.text);
    let event = format!("data: {}\n\n", json!({"type": "unknown", "text": TEXT}));
    let answer = stream(&server, &lab, "redact", (REDACT, EVENTS), &event);
    assert!(answer.text.contains("\"malformed\"") || answer.text.contains("event: error"));
    assert!(!leaks(&answer.text), "{}", answer.text);
    let nobody = Request::post(format!("{}{REIDENTIFY}", server.url)).header("x-route", "encrypt");
    assert_eq!(send(nobody.body(tokens.into_bytes()).unwrap()).status, 401);
    drop(server);
    let log = fs::read_to_string(lab.file("log")).unwrap();
    assert!(!leaks(&log), "{log}");
}

#[test]
fn a_stream_ends_where_the_function_cannot_be_believed() {
    let lab = Lab::new(&test_guest("p3"), &[("names", "mode = \"redact\"")]);
    let server = lab.serve();
    // What the function finds lies outside of the text.
    let answer = stream(&server, &lab, "names", (REDACT, "text/plain"), "abc");
    assert!(answer.text.contains("[error: ") && !answer.text.contains("abc"), "{}", answer.text);
}
