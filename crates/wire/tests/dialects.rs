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

/// What a host refuses, with its names for that.
const OF_THE_HOST: [(u16, &str); 6] = [
    (401, "unauthorized"),
    (403, "forbidden"),
    (413, "payload_too_large"),
    (429, "rate_limited"),
    (503, "overloaded"),
    (504, "timeout"),
];

/// The body of each refusal of [`OF_THE_HOST`] at a path; statuses stay as they are.
fn check(path: &str, bodies: [Value; 6]) {
    for ((status, error_type), body) in OF_THE_HOST.into_iter().zip(bodies) {
        assert_eq!(refused(path, status, error_type), (status, body), "{path} {status}");
    }
}

#[test]
fn the_host_refuses_in_the_words_of_each_dialect() {
    let named = OF_THE_HOST.map(|(_, name)| json!({"error": "why", "error_type": name}));
    for path in ["/v1/token-classification", "/v1/redact", "/gliner", "/", "/models/a/b"] {
        check(path, named.clone());
    }
    for path in ["/v2/models/a/infer", "/v2/health/ready"] {
        check(path, OF_THE_HOST.map(|_| json!({"error": "why"})));
    }
    let text_embeddings_inference =
        ["Unauthorized", "Unauthorized", "Validation", "Overloaded", "Unhealthy", "Backend"]
            .map(|name| json!({"error": "why", "error_type": name}));
    for path in ["/embed", "/predict", "/similarity", "/tokenize"] {
        check(path, text_embeddings_inference.clone());
    }
    let for_all = text_embeddings_inference.map(|mut body| {
        (body["message"], body["detail"]) = (json!("why"), json!("why"));
        body
    });
    check("/rerank", for_all);
}

#[test]
fn the_host_refuses_in_the_words_of_openai_and_vllm() {
    let open_ai = [
        ("invalid_request_error", "invalid_api_key"),
        ("permission_error", "forbidden"),
        ("invalid_request_error", "payload_too_large"),
        ("requests", "rate_limit_exceeded"),
        ("server_error", "overloaded"),
        ("server_error", "timeout"),
    ];
    let open_ai = open_ai.map(|(kind, code)| {
        json!({"error": {"message": "why", "type": kind, "param": null, "code": code}})
    });
    for path in ["/v1/embeddings", "/v1/moderations", "/v1/models/a", "/v1/audio/transcriptions"] {
        check(path, open_ai.clone());
    }
    let kinds = [
        "AuthenticationError",
        "PermissionDeniedError",
        "BadRequestError",
        "RateLimitError",
        "ServiceUnavailableError",
        "InternalServerError",
    ];
    let error = |place: usize| {
        let (kind, code) = (kinds[place], OF_THE_HOST[place].0);
        json!({"message": "why", "type": kind, "param": null, "code": code})
    };
    let vllm = std::array::from_fn(|place| json!({"error": error(place)}));
    for path in ["/classify", "/score", "/v1/score", "/pooling"] {
        check(path, Clone::clone(&vllm));
    }
    let rerank = std::array::from_fn(
        |place| json!({"message": "why", "detail": "why", "error": error(place)}),
    );
    for path in ["/v1/rerank", "/v2/rerank"] {
        check(path, Clone::clone(&rerank));
    }
}
