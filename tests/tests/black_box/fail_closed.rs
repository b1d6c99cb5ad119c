//! Texts that the function could not check: none passes, unless the route says so.

use std::fs;

use pilotlight_tests::{Answer, Server, component, send};
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::http::Request;

const GUARDRAIL: &str = "/beta/litellm_basic_guardrail_api";
const SECRET: &str = "sarah.smith@example.com";

/// The default model with little time for a request: enough for a sentence, and not for a book.
fn serve() -> (Server, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pilotlight.toml");
    let source = component();
    let text = format!(
        "functions.default.source = {source:?}\nfunctions.default.limits.request-timeout = \"2s\"\n\
         [[routes]]\nmatch.header.x-route = \"open\"\nto = \"default\"\nfail = \"open\"\n\
         [[routes]]\nto = \"default\"\n"
    );
    fs::write(&file, text).unwrap();
    (Server::start(&["--config", file.to_str().unwrap()]), folder)
}

fn ask(server: &Server, route: &str, path: &str, body: &Value) -> Answer {
    let request = Request::post(format!("{}{path}", server.url))
        .header("content-type", "application/json")
        .header("x-route", route);
    send(request.body(body.to_string().into_bytes()).unwrap())
}

fn unchecked(server: &Server) -> u64 {
    let metrics = server.status("/metrics").text;
    let lines = metrics.lines().filter(|line| line.starts_with("pilotlight_unchecked_total{"));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[test]
fn texts_that_cannot_be_checked_pass_only_where_the_route_says_so_and_are_counted() {
    let (server, _folder) = serve();
    let book = format!("{SECRET} {}", "it was a dark and stormy night ".repeat(4_000));
    let requests = [
        ("/v1/redact", json!({"text": book}), json!({"text": book, "entities": []})),
        ("/analyze", json!({"text": book, "language": "en"}), json!([])),
        (GUARDRAIL, json!({"texts": [book]}), json!({"action": "NONE"})),
    ];
    for (path, request, _) in &requests {
        let closed = ask(&server, "closed", path, request);
        assert_eq!(closed.status, 504, "{path}: {}", closed.text);
        assert!(!closed.text.contains(SECRET) && closed.json().get("action").is_none(), "{path}");
        assert_eq!(closed.header("x-pilotlight-unchecked"), "");
    }
    assert_eq!(unchecked(&server), 0);
    for (path, request, expected) in &requests {
        let open = ask(&server, "open", path, request);
        assert_eq!((open.status, &open.json()), (200, expected), "{path}");
        assert_eq!(open.header("x-pilotlight-unchecked"), "true");
    }
    assert_eq!(unchecked(&server), 3);
    // What can be checked is, and what is wrong is refused.
    let sentence = ask(&server, "open", "/v1/redact", &json!({"text": SECRET}));
    assert_eq!((sentence.status, &sentence.json()["text"]), (200, &json!("[EMAIL]")));
    let wrong = ask(&server, "open", "/v1/redact", &json!({"texts": SECRET}));
    assert_eq!(wrong.status, 422, "{}", wrong.text);
    let too_long = json!({"text": format!("{SECRET}{}", "x".repeat(2 << 20))});
    let too_long = ask(&server, "open", "/v1/redact", &too_long);
    assert!(too_long.status == 413 && !too_long.text.contains(SECRET), "{}", too_long.text);
    let request = Request::post(format!("{}/v1/redact", server.url))
        .header("x-route", "open")
        .header("content-encoding", "compress");
    let coded = send(request.body(SECRET.as_bytes().to_vec()).unwrap());
    assert!(coded.status == 415 && !coded.text.contains(SECRET), "{}", coded.text);
    assert_eq!(unchecked(&server), 3);
}
