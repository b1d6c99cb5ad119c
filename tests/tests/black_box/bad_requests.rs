//! Whatever is sent, the answer is an error that says what was wrong, and the server goes on.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use pilotlight_tests::{Answer, Server, send};
use serde_json::json;

use crate::answers::server;

fn address(server: &Server) -> &str {
    server.url.strip_prefix("http://").unwrap()
}

/// Sends raw bytes, closes the sending half and reads the answer.
fn raw(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address(server)).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn refused(server: &Server, answer: &Answer, status: u16, error_type: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.json()["error_type"], error_type, "{}", answer.text);
    assert!(answer.json()["error"].as_str().is_some_and(|error| !error.is_empty()));
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(!answer.header("x-request-id").is_empty());
    unharmed(server);
}

fn unharmed(server: &Server) {
    assert_eq!(server.get("/info").status, 200);
}

#[test]
fn bodies_that_are_not_json() {
    let server = server();
    let deep = "[".repeat(10_000);
    let bodies: [&[u8]; 7] = [
        b"",
        b"\xff\xfe\xfd",
        br#"{"inputs": "cut"#,
        br#"{"inputs": "\ud83d"}"#,
        b"{\"inputs\": \"\0\"}",
        deep.as_bytes(),
        b"{\"inputs\": \"\xc3\x28\"}",
    ];
    for body in bodies {
        refused(&server, &server.post("/", body), 400, "malformed");
    }
}

#[test]
fn json_that_is_no_request() {
    let server = server();
    let many = json!({"inputs": vec!["a"; 10_000]}).to_string();
    for body in [
        r#"{"inputs": 7}"#,
        r#"{"inputs": {"text": "a"}}"#,
        r#"{"inputs": "a", "parameters": {"stride": 510}}"#,
        r#"{"inputs": "a", "parameters": {"aggregation_strategy": {"simple": null}}}"#,
        r#"{"inputs": "a", "parameters": {"aggregation_strategy": 1}}"#,
        r#"{"inputs": "a", "parameters": {"aggregation_strategy": []}}"#,
        r#"{"inputs": "a", "parameters": {"stride": 1e999}}"#,
        r#"{"inputs": "a", "parameters": ["max"]}"#,
    ] {
        refused(&server, &server.post("/", body), 400, "invalid");
    }
    refused(&server, &server.post("/", many), 400, "too_many");
    // Hosted inference ignores keys that it does not know, and the pipelines refuse them.
    for body in
        [r#"{"inputs": "a", "parameters": {"temperature": 1}}"#, r#"{"inputs": "a", "unknown": 1}"#]
    {
        assert_eq!(server.post("/", body).status, 200, "{body}");
        refused(&server, &server.post("/v1/token-classification", body), 422, "invalid");
    }
    refused(&server, &server.post("/v1/redact", r#"{"text": ["a"]}"#), 422, "invalid");
}

#[test]
fn bodies_beyond_the_limit() {
    let server = server();
    let million = json!({"inputs": "a ".repeat(500_000)}).to_string();
    refused(&server, &server.post("/", million), 413, "payload_too_large");
    refused(&server, &server.post("/", vec![b' '; 20 << 20]), 413, "payload_too_large");
}

#[test]
fn a_body_that_the_function_s_manifest_forbids_is_refused_before_it_is_sent() {
    let server = server();
    let fields = "host: localhost\r\nexpect: 100-continue\r\ncontent-length: 131073\r\n\r\n";
    let answer = raw(&server, format!("POST / HTTP/1.1\r\n{fields}").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("exceeds 131072 bytes"), "{answer}");
}

#[test]
fn a_body_of_just_the_limit_is_read() {
    let server = server();
    let limit = 128 * 1024;
    let entities = json!([{"label": "X", "start": 0, "end": 1}]);
    let frame = json!({"text": "", "entities": entities}).to_string();
    let body = json!({"text": "a".repeat(limit - frame.len()), "entities": entities}).to_string();
    assert_eq!(body.len(), limit);
    assert_eq!(server.post("/v1/redact", body.clone()).status, 200);
    refused(&server, &server.post("/v1/redact", body + " "), 413, "payload_too_large");
}

#[test]
fn nul_and_odd_characters_in_a_text_are_text() {
    let server = server();
    for text in ["\0", "a\0b", "\u{feff}", "\u{202e}abc", "e\u{301}\u{301}", "🏳️‍🌈", "\u{10ffff}"]
    {
        let answer = server.post("/", json!({"inputs": text}).to_string());
        assert_eq!(answer.status, 200, "{text:?}: {}", answer.text);
    }
}

#[test]
fn wrong_paths_methods_and_types() {
    let server = server();
    refused(&server, &server.get("/nowhere"), 404, "not_found");
    let wrong = server.get("/v1/redact");
    assert_eq!(wrong.header("allow"), "POST");
    refused(&server, &wrong, 405, "method_not_allowed");
    let wrong = server.post("/info", "{}");
    assert_eq!(wrong.header("allow"), "GET, HEAD");
    refused(&server, &wrong, 405, "method_not_allowed");
    let typed = ureq::http::Request::post(&server.url).header("content-type", "text/plain");
    refused(&server, &send(typed.body(b"{}".to_vec()).unwrap()), 415, "unsupported_media_type");
}

#[test]
fn a_body_cut_short_harms_nobody() {
    let server = server();
    let head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json";
    let answer =
        raw(&server, format!("{head}\r\ncontent-length: 1000\r\n\r\n{{\"inputs\"").as_bytes());
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    unharmed(&server);
}

#[test]
fn what_is_not_http_harms_nobody() {
    let server = server();
    for bytes in [&b"\x16\x03\x01\x02\x00"[..], b"GET\r\n\r\n", b"\0\0\0\0", b"PRI * HTTP/2.0\r\n"]
    {
        let answer = raw(&server, bytes);
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    unharmed(&server);
}

#[test]
fn slow_clients_keep_nobody_waiting() {
    let server = server();
    let slow: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(address(&server)).unwrap();
            let head = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\ncontent-ty";
            stream.write_all(head).unwrap();
            stream
        })
        .collect();
    unharmed(&server);
    drop(slow);
    unharmed(&server);
}
