use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use pilotlight_router::VERSION_HEADER;
use pilotlight_telemetry::ErrorKind;
use pilotlight_wire::{parse_json, without_trailing_slash};
use serde_json::{Value, json};
use wasmtime_wasi_http::WasiBody;

use crate::http::middleware::{Middleware, Next};
use crate::request::{Body, CollectError, REQUEST_ID, RequestContext, collect, whole};
use crate::routing::Routed;

const UNCHECKED: &str = "x-pilotlight-unchecked";

/// Answers as if nothing had been found where the function fails, on routes with `fail = "open"`.
#[derive(Clone)]
pub(in crate::http) struct FailOpen;

impl Middleware for FailOpen {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        let routed = request.extensions().get::<Routed>();
        let open = routed.filter(|routed| routed.fails_open && request.method() == Method::POST);
        let check = Check::of(request.uri().path());
        let (Some(limit), Some(check)) = (open.map(|open| open.version.body_limit()), check) else {
            return next.run(request).await;
        };
        let (head, body) = request.into_parts();
        let context = RequestContext::of(&head);
        let body = match collect(body, limit).await {
            Ok(body) => body,
            Err(error) => return unreadable(&error, &context),
        };
        let failed = next.run(Request::from_parts(head, whole(body.clone()))).await;
        if !is_failure(failed.status()) {
            return failed;
        }
        let Some(answer) = check.unchecked(&body) else { return failed };
        context.passed_unchecked();
        let mut response = Body::json(StatusCode::OK, &answer);
        let headers = response.headers_mut();
        headers.insert(UNCHECKED, HeaderValue::from_static("true"));
        headers.insert(REQUEST_ID, context.id().clone());
        if let Some(version) = failed.headers().get(VERSION_HEADER) {
            headers.insert(VERSION_HEADER, version.clone());
        }
        response
    }
}

/// A request that has texts checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Redact,
    Analyze,
    Guardrail,
}

impl Check {
    fn of(path: &str) -> Option<Self> {
        match without_trailing_slash(path) {
            "/v1/redact" => Some(Self::Redact),
            "/analyze" => Some(Self::Analyze),
            "/beta/litellm_basic_guardrail_api" => Some(Self::Guardrail),
            _ => None,
        }
    }

    /// What is answered where nothing is found; `None` for a body that the function would refuse, and for entities
    /// that the caller knows of.
    fn unchecked(self, body: &Bytes) -> Option<Value> {
        let body: Value = parse_json(body).ok()?;
        let request = body.as_object()?;
        match self {
            Self::Redact => {
                let has_entities = request.get("entities").is_some_and(|given| !given.is_null());
                let text = request.get("text").and_then(Value::as_str);
                text.filter(|_| !has_entities).map(|text| json!({"text": text, "entities": []}))
            }
            Self::Analyze => match request.get("text")? {
                Value::String(_) => Some(json!([])),
                Value::Array(texts) => Some(texts.iter().map(|_| json!([])).collect()),
                _ => None,
            },
            Self::Guardrail => Some(json!({"action": "NONE"})),
        }
    }
}

/// Whether a status says that the function could not check a text, whatever the text is.
fn is_failure(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504)
}

fn unreadable(error: &CollectError, context: &RequestContext) -> Response<Body> {
    let (status, kind, error_type) = match error {
        CollectError::TooLong => {
            (StatusCode::PAYLOAD_TOO_LARGE, ErrorKind::TooLarge, "payload_too_large")
        }
        CollectError::Broken(_) => (StatusCode::BAD_REQUEST, ErrorKind::Malformed, "malformed"),
    };
    context.failed(kind);
    let mut response = Body::refusal(status, error_type, &error.to_string());
    response.headers_mut().insert(REQUEST_ID, context.id().clone());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unchecked(path: &str, body: &str) -> Option<Value> {
        Check::of(path)?.unchecked(&Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn each_interface_is_answered_that_nothing_was_found() {
        let redact = unchecked("/v1/redact/", r#"{"text": "a"}"#);
        assert_eq!(redact, Some(json!({"text": "a", "entities": []})));
        assert_eq!(unchecked("/analyze", r#"{"text": "a", "language": "en"}"#), Some(json!([])));
        assert_eq!(unchecked("/analyze", r#"{"text": ["a", "b"]}"#), Some(json!([[], []])));
        let guardrail = unchecked("/beta/litellm_basic_guardrail_api", r#"{"texts": ["a"]}"#);
        assert_eq!(guardrail, Some(json!({"action": "NONE"})));
    }

    #[test]
    fn what_is_wrong_or_known_to_be_personal_does_not_pass() {
        for body in ["", "[]", "{}", r#"{"text": 1}"#, r#"{"text": "a", "entities": []}"#] {
            assert_eq!(unchecked("/v1/redact", body), None, "{body}");
        }
        assert_eq!(unchecked("/v1/token-classification", r#"{"inputs": "a"}"#), None);
    }

    #[test]
    fn only_failures_of_the_function_open() {
        let open = [429, 500, 502, 503, 504];
        for status in 200..600 {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(is_failure(status), open.contains(&status.as_u16()), "{status}");
        }
    }
}
