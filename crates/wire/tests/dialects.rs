//! Errors in the words of other servers.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use pilotlight_wire::{Dialect, Refusal};
use serde_json::{Value, json};

fn refused(path: &str, status: u16, error_type: &str) -> (u16, Value) {
    let refusal = Refusal { status, error_type, message: "why", key: None };
    let (status, body) = Dialect::of_path(path).refuse(refusal);
    (status, serde_json::from_slice(&body).unwrap())
}

#[test]
fn text_embeddings_inference_has_names_of_its_own() {
    for (status, error_type, expected, name) in [
        (422, "too_long", 413, "Validation"),
        (422, "too_many", 413, "Validation"),
        (422, "empty", 400, "Empty"),
        (422, "invalid", 422, "Validation"),
        (400, "malformed", 400, "Validation"),
        (413, "payload_too_large", 413, "Validation"),
        (401, "unauthorized", 401, "Unauthorized"),
        (429, "rate_limited", 429, "Overloaded"),
        (500, "internal", 424, "Backend"),
        (501, "unsupported", 424, "Backend"),
        (503, "overloaded", 503, "Unhealthy"),
        (504, "timeout", 504, "Backend"),
    ] {
        let error = json!({"error": "why", "error_type": name});
        for path in ["/embed", "/tokenize/"] {
            assert_eq!(refused(path, status, error_type), (expected, error.clone()));
        }
        // Clients of Cohere and Jina ask here, too, and read other keys.
        let mut for_all = error.clone();
        (for_all["message"], for_all["detail"]) = (json!("why"), json!("why"));
        assert_eq!(refused("/rerank", status, error_type), (expected, for_all));
    }
}

#[test]
fn errors_of_open_inference_are_strings() {
    for (status, error_type, expected) in [
        (422, "invalid", 400),
        (422, "too_many", 400),
        (404, "model_not_found", 404),
        (413, "payload_too_large", 413),
        (501, "unsupported", 501),
        (503, "overloaded", 503),
    ] {
        for path in ["/v2", "/v2/", "/v2/models/a/infer", "/v2/no/such/thing"] {
            assert_eq!(refused(path, status, error_type), (expected, json!({"error": "why"})));
        }
    }
}

#[test]
fn only_whole_segments_make_a_dialect() {
    assert_eq!(Dialect::of_path("/v2x"), Dialect::HuggingFace);
    assert_eq!(Dialect::of_path("/embed/x"), Dialect::HuggingFace);
    assert_eq!(Dialect::of_path("/v2/rerank"), Dialect::Rerank);
}
