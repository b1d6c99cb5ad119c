//! Bodies of requests, as anybody may send them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_guest::api::{ApiError, ClassifyRequest, RedactRequest, parse};
use pilotlight_guest::service::{Head, route};

/// What is refused is refused for a reason that is told in one line, with the status for it.
fn refused(error: &ApiError) {
    assert!(matches!(error.status(), 400 | 404 | 405 | 415 | 422), "{error}");
    assert!(!error.to_string().is_empty() && !error.to_string().contains('\n'), "{error}");
}

fuzz_target!(|request: (&str, &str, Option<&str>, &[u8])| {
    let (method, path, content_type, body) = request;
    if let Err(error) = route(Head { method, path, content_type }) {
        assert!(matches!(error.status(), 400 | 404 | 405 | 415), "{error}");
    }
    // A byte order mark in front is no part of the body.
    let json = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let json = serde_json::from_slice::<serde_json::Value>(json);
    let classify = parse::<ClassifyRequest>(body);
    let redact = parse::<RedactRequest>(body);
    for error in classify.as_ref().err().into_iter().chain(redact.as_ref().err()) {
        refused(error);
    }
    assert!(json.is_ok() || (classify.is_err() && redact.is_err()), "no JSON was taken as some");
});
