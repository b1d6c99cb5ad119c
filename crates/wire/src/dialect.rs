//! The HTTP interfaces that clients of other servers speak, and how each tells an error.

use serde_json::{Value, json};

use crate::path::without_trailing_slash;

/// Interface to which a path belongs. Function and host write errors in its form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Hugging Face's pipelines, GLiNER's servers, and Pilotlight's own endpoints.
    #[default]
    HuggingFace,
    /// Hugging Face's hosted inference.
    HostedInference,
    /// Hugging Face's text-embeddings-inference.
    TextEmbeddingsInference,
    /// OpenAI's API.
    OpenAi,
    /// vLLM's extensions of OpenAI's API for models that generate no text.
    Vllm,
    /// The Open Inference Protocol, version 2, of KServe and Triton.
    OpenInference,
    /// The rerank endpoints of Cohere and Jina.
    Rerank,
    /// `/rerank`, of text-embeddings-inference and of all others: only the body says whose client it is.
    AnyRerank,
}

/// Error of a request.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'a> {
    /// The status that Pilotlight's own endpoints answer with (RFC 9110).
    pub status: u16,
    /// A stable name for programs, such as `too_long`.
    pub error_type: &'a str,
    /// Message for people.
    pub message: &'a str,
    /// The key of the request that is wrong, where it is known.
    pub key: Option<Key<'a>>,
}

/// A key of a request, and what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    /// There is no value.
    Missing(&'a str),
    /// The value cannot be used.
    Invalid(&'a str),
}

impl<'a> Key<'a> {
    /// Its name.
    pub fn name(self) -> &'a str {
        match self {
            Self::Missing(name) | Self::Invalid(name) => name,
        }
    }
}

/// Paths of OpenAI's API that begin with a name; most of them are not served.
const OPEN_AI: [&str; 9] = [
    "/v1/models",
    "/v1/chat",
    "/v1/completions",
    "/v1/responses",
    "/v1/audio",
    "/v1/images",
    "/v1/files",
    "/v1/batches",
    "/v1/assistants",
];
/// Paths of hosted inference begin with one of these names.
const HOSTED: [&str; 3] = ["/models", "/pipeline", "/hf-inference"];

impl Dialect {
    /// The dialect of a path in its normal form.
    pub fn of_path(path: &str) -> Self {
        let path = without_trailing_slash(path);
        let below = |prefix: &str| {
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match path {
            "/v1/rerank" | "/v2/rerank" => Self::Rerank,
            "/rerank" => Self::AnyRerank,
            "/embed" | "/embed_all" | "/embed_sparse" | "/predict" | "/similarity"
            | "/tokenize" | "/decode" | "/health" => Self::TextEmbeddingsInference,
            "/v1/embeddings" | "/v1/moderations" => Self::OpenAi,
            "/classify" | "/score" | "/v1/score" | "/pooling" => Self::Vllm,
            _ if OPEN_AI.iter().any(|prefix| below(prefix)) => Self::OpenAi,
            _ if below("/v2") => Self::OpenInference,
            "/" => Self::HostedInference,
            _ if HOSTED.iter().any(|prefix| below(prefix)) => Self::HostedInference,
            _ => Self::HuggingFace,
        }
    }

    /// The status and the body, JSON, of the answer to a refused request.
    pub fn refuse(self, refusal: Refusal<'_>) -> (u16, Vec<u8>) {
        let Refusal { status, error_type, message, .. } = refusal;
        let named = || json!({"error": message, "error_type": error_type});
        let (status, body): (u16, Value) = match self {
            Self::HuggingFace => (status, named()),
            Self::HostedInference => (invalid_is_bad(status), named()),
            Self::TextEmbeddingsInference => {
                let (status, name) = text_embeddings_inference(status, error_type);
                (status, json!({"error": message, "error_type": name}))
            }
            Self::AnyRerank => {
                let (status, name) = text_embeddings_inference(status, error_type);
                // Clients of text-embeddings-inference read the first two, those of Cohere the third, those of
                // Jina the last.
                let error = json!({
                    "error": message, "error_type": name, "message": message, "detail": message,
                });
                (status, error)
            }
            Self::OpenAi => {
                let status = invalid_is_bad(status);
                (status, open_ai(status, refusal))
            }
            Self::Vllm => {
                let status = invalid_is_bad(status);
                (status, json!({"error": vllm(status, refusal)}))
            }
            Self::OpenInference => (invalid_is_bad(status), json!({"error": message})),
            Self::Rerank => {
                let status = invalid_is_bad(status);
                // Clients of Cohere read the first, those of Jina the second, those of vLLM the third.
                let error = vllm(status, refusal);
                (status, json!({"message": message, "detail": message, "error": error}))
            }
        };
        (status, body.to_string().into_bytes())
    }
}

/// Servers without a status of their own for JSON of another form call it a bad request.
fn invalid_is_bad(status: u16) -> u16 {
    if status == 422 { 400 } else { status }
}

/// Status and `error_type` of text-embeddings-inference.
fn text_embeddings_inference(status: u16, error_type: &str) -> (u16, &'static str) {
    match (status, error_type) {
        (_, "too_long" | "too_many") => (413, "Validation"),
        (_, "empty") => (400, "Empty"),
        // A model of another kind.
        (_, "unsupported") => (424, "Backend"),
        (413 | 415 | 404 | 405, _) => (status, "Validation"),
        (400 | 422, _) => (status, "Validation"),
        (401 | 403, _) => (status, "Unauthorized"),
        (429, _) => (429, "Overloaded"),
        (503, _) => (503, "Unhealthy"),
        (500, "internal") => (424, "Backend"),
        _ => (status, "Backend"),
    }
}

/// The error object of OpenAI's API: clients choose their exception by the status, and tell more by `code`.
fn open_ai(status: u16, Refusal { error_type, message, key, .. }: Refusal<'_>) -> Value {
    let kind = match status {
        403 => "permission_error",
        429 => "requests",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    let code = match (error_type, key) {
        ("malformed" | "internal", _) | ("invalid", None) => None,
        ("invalid", Some(Key::Missing(_))) => Some("missing_required_parameter"),
        ("invalid", Some(Key::Invalid(_))) => Some("invalid_value"),
        ("too_long", _) => Some("context_length_exceeded"),
        ("too_many", _) => Some("array_above_max_length"),
        ("empty", _) => Some("empty_array"),
        ("not_found", _) => Some("unknown_url"),
        ("method_not_allowed", _) => Some("method_not_supported"),
        ("unsupported_media_type", _) => Some("unsupported_content_type"),
        _ if status == 401 => Some("invalid_api_key"),
        _ if status == 429 => Some("rate_limit_exceeded"),
        (other, _) => Some(other),
    };
    let parameter = key.map(Key::name).or(match error_type {
        // The texts of each of its requests.
        "too_long" | "too_many" | "empty" => Some("input"),
        "model_not_found" => Some("model"),
        _ => None,
    });
    // litellm and others know a text that is too long by these words.
    let message = match error_type {
        "too_long" => format!("the model's maximum context length is exceeded: {message}"),
        _ => message.to_owned(),
    };
    json!({"error": {"message": message, "type": kind, "param": parameter, "code": code}})
}

/// The error object of vLLM, whose `code` is the status.
fn vllm(status: u16, Refusal { message, key, .. }: Refusal<'_>) -> Value {
    let kind = match status {
        401 => "AuthenticationError",
        403 => "PermissionDeniedError",
        404 => "NotFoundError",
        429 => "RateLimitError",
        501 => "NotImplementedError",
        503 => "ServiceUnavailableError",
        500.. => "InternalServerError",
        _ => "BadRequestError",
    };
    json!({"message": message, "type": kind, "param": key.map(Key::name), "code": status})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuse(path: &str, status: u16, error_type: &str) -> (u16, Value) {
        refuse_key(path, (status, error_type), None)
    }

    fn refuse_key(
        path: &str,
        (status, error_type): (u16, &str),
        key: Option<Key<'_>>,
    ) -> (u16, Value) {
        let refusal = Refusal { status, error_type, message: "no", key };
        let (status, body) = Dialect::of_path(path).refuse(refusal);
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[test]
    fn each_path_has_the_dialect_of_the_server_that_it_is_known_from() {
        for (path, dialect) in [
            ("/", Dialect::HostedInference),
            ("/v1/token-classification", Dialect::HuggingFace),
            ("/hf-inference", Dialect::HostedInference),
            ("/hf-inference/models/a/b", Dialect::HostedInference),
            ("/models/a/b/", Dialect::HostedInference),
            ("/pipeline/fill-mask", Dialect::HostedInference),
            ("/pipelines", Dialect::HuggingFace),
            ("/gliner", Dialect::HuggingFace),
            ("/embed/", Dialect::TextEmbeddingsInference),
            ("/rerank", Dialect::AnyRerank),
            ("/v1/rerank", Dialect::Rerank),
            ("/v2/rerank", Dialect::Rerank),
            ("/v1/embeddings/", Dialect::OpenAi),
            ("/v1/models", Dialect::OpenAi),
            ("/v1/models/a/b", Dialect::OpenAi),
            ("/v1/modelsx", Dialect::HuggingFace),
            ("/v1/score", Dialect::Vllm),
            ("/pooling", Dialect::Vllm),
            ("/v2", Dialect::OpenInference),
            ("/v2/models/a", Dialect::OpenInference),
        ] {
            assert_eq!(Dialect::of_path(path), dialect, "{path}");
        }
    }

    #[test]
    fn errors_of_openai_s_api_have_a_type_a_code_and_a_parameter() {
        const INVALID: &str = "invalid_request_error";
        for (given, error_type, status, kind, parameter, code) in [
            (400, "malformed", 400, INVALID, None, None),
            (422, "invalid", 400, INVALID, None, None),
            (422, "empty", 400, INVALID, Some("input"), Some("empty_array")),
            (422, "too_many", 400, INVALID, Some("input"), Some("array_above_max_length")),
            (401, "unauthorized", 401, INVALID, None, Some("invalid_api_key")),
            (404, "model_not_found", 404, INVALID, Some("model"), Some("model_not_found")),
            (404, "not_found", 404, INVALID, None, Some("unknown_url")),
            (405, "method_not_allowed", 405, INVALID, None, Some("method_not_supported")),
            (413, "payload_too_large", 413, INVALID, None, Some("payload_too_large")),
            (429, "busy", 429, "requests", None, Some("rate_limit_exceeded")),
            (500, "internal", 500, "server_error", None, None),
            (503, "unavailable", 503, "server_error", None, Some("unavailable")),
        ] {
            let error = json!({"message": "no", "type": kind, "param": parameter, "code": code});
            let expected = (status, json!({ "error": error }));
            assert_eq!(refuse("/v1/embeddings", given, error_type), expected, "{error_type}");
        }
    }

    #[test]
    fn the_key_that_is_wrong_is_the_parameter() {
        for (error_type, key, code) in [
            ("invalid", Key::Missing("input"), "missing_required_parameter"),
            ("invalid", Key::Invalid("dimensions"), "invalid_value"),
            ("empty", Key::Invalid("texts"), "empty_array"),
        ] {
            let (status, body) = refuse_key("/v1/embeddings", (422, error_type), Some(key));
            let (found, parameter) = (&body["error"]["code"], &body["error"]["param"]);
            assert_eq!((status, found, parameter), (400, &json!(code), &json!(key.name())));
        }
        for (path, error) in [("/pooling", "/error"), ("/v2/rerank", "/error")] {
            let (_, body) = refuse_key(path, (422, "invalid"), Some(Key::Invalid("input")));
            assert_eq!(body.pointer(error).unwrap()["param"], "input", "{path}");
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_told_in_the_words_that_clients_look_for() {
        let (status, body) = refuse("/v1/embeddings", 422, "too_long");
        let error = &body["error"];
        assert_eq!((status, &error["code"]), (400, &json!("context_length_exceeded")));
        assert!(error["message"].as_str().unwrap().contains("maximum context length"), "{body}");
    }

    #[test]
    fn errors_of_vllm_repeat_the_status() {
        let error = |kind: &str, code: u16| json!({"message": "no", "type": kind, "param": null, "code": code});
        for (status, error_type, code, kind) in [
            (422, "invalid", 400, "BadRequestError"),
            (404, "not_found", 404, "NotFoundError"),
            (413, "payload_too_large", 413, "BadRequestError"),
            (500, "internal", 500, "InternalServerError"),
        ] {
            let expected = (code, json!({"error": error(kind, code)}));
            assert_eq!(refuse("/pooling", status, error_type), expected);
        }
        let expected =
            json!({"message": "no", "detail": "no", "error": error("BadRequestError", 400)});
        assert_eq!(refuse("/v1/rerank", 422, "invalid"), (400, expected));
    }

    #[test]
    fn errors_elsewhere_are_a_text_and_a_name() {
        let expected = json!({"error": "no", "error_type": "invalid"});
        assert_eq!(refuse("/v1/fill-mask", 422, "invalid"), (422, expected.clone()));
        assert_eq!(refuse("/", 422, "invalid"), (400, expected));
        assert_eq!(refuse("/v2/models/m/infer", 422, "invalid"), (400, json!({"error": "no"})));
        let expected = json!({
            "error": "no", "error_type": "Validation", "message": "no", "detail": "no",
        });
        assert_eq!(refuse("/rerank", 422, "invalid"), (422, expected));
    }
}
