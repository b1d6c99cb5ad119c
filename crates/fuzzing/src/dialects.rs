//! Any request to functions of several kinds: a method and a path, headers, and a body behind an empty line.
//! What the OpenAPI document of a function has is answered or is the fault of the client, and never fails.

use pilotlight_guest::api::ApiError;
use pilotlight_guest::dialects::Answer;
use pilotlight_guest::model::Usage;
use pilotlight_guest::service::{Head, Service, refuse};
use serde_json::Value;

use crate::functions;

/// A function and its document.
struct Documented {
    service: Service,
    document: Value,
}

thread_local! {
    static FUNCTIONS: Vec<Documented> = functions::all().into_iter().map(Documented::new).collect();
}

impl Documented {
    fn new(service: Service) -> Self {
        let head = Head { method: "GET", path: "/openapi.json", ..Head::default() };
        let endpoint = service.route(head).expect("a function has a document");
        let answer = service.answer(&endpoint, b"", &mut Usage::default());
        let document = answer.expect("a function has a document").body;
        let document = serde_json::from_slice(&document).expect("it is JSON");
        Self { service, document }
    }

    fn check(&self, head: Head<'_>, body: &[u8]) {
        let endpoint = match self.service.route(head) {
            Ok(endpoint) => endpoint,
            Err(error) => return check_refusal(head.path, &error, &[400, 404, 405, 415]),
        };
        let path = endpoint.path().replace("...}", "}");
        let method = if head.method == "POST" { "post" } else { "get" };
        let operation = &self.document["paths"][&path][method];
        let answer = self.service.answer(&endpoint, body, &mut Usage::default());
        match answer {
            Ok(answer) => check_answer(head, &answer, operation),
            // Of another kind than the model's.
            Err(error) if operation.is_null() => {
                check_refusal(head.path, &error, &[400, 422, 424, 501])
            }
            Err(error) => check_refusal(head.path, &error, &[400, 404, 413, 422]),
        }
    }
}

fn check_answer(head: Head<'_>, answer: &Answer, operation: &Value) {
    if head.method == "OPTIONS" {
        return assert!(answer.body.is_empty(), "there is nothing but the methods");
    }
    let content = &operation["responses"]["200"]["content"];
    let essence = answer.content_type.split(';').next().unwrap_or_default();
    let is_told = content.get(essence).is_some() || answer.body.is_empty() && content.is_null();
    // GLiNER's request to another server's path.
    let is_known = is_told || head.path.trim_end_matches('/').ends_with("/predict");
    assert!(is_known, "{} {}: {essence} is not documented", head.method, head.path);
    if essence == "application/json" {
        let json = serde_json::from_slice::<Value>(&answer.body);
        assert!(json.is_ok(), "{} {}: no JSON", head.method, head.path);
    }
}

/// A refusal has a status for it, and tells the reason in one line.
fn check_refusal(path: &str, error: &ApiError, statuses: &[u16]) {
    let (status, body) = refuse(path, error);
    assert!(statuses.contains(&status), "{path}: {status}, {error}");
    let body: Value = serde_json::from_slice(&body).expect("an error is JSON");
    assert!(body["error"].is_string() || body["error"]["message"].is_string(), "{path}: {body}");
    assert!(!error.to_string().is_empty(), "{path}: no reason");
}

/// Runs the target.
pub fn run(request: &[u8]) {
    let end = request.windows(2).position(|two| two == b"\n\n");
    let (head, body) = match end {
        Some(end) => (&request[..end], &request[end + 2..]),
        None => (request, &b""[..]),
    };
    let Ok(head) = std::str::from_utf8(head) else { return };
    let mut lines = head.lines();
    let (method, target) = lines.next().unwrap_or_default().split_once(' ').unwrap_or_default();
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let header = |name: &str| {
        let values = head.lines().filter_map(|line| line.split_once(": "));
        values.filter(|(known, _)| *known == name).map(|(_, value)| value).next()
    };
    let head = Head {
        method,
        path,
        content_type: header("content-type"),
        json_length: header("inference-header-content-length"),
        user_agent: header("user-agent"),
        accept: header("accept"),
        query,
    };
    FUNCTIONS.with(|functions| functions.iter().for_each(|function| function.check(head, body)));
}
