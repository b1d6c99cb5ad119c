//! What the host refuses, in the form of each interface that a path can belong to.

use serde_json::{Value, json};

/// Whose form an error has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `{"error", "error_type"}`.
    Own,
    /// The same with the names of text-embeddings-inference.
    TextEmbeddingsInference,
    /// The same, with the keys that clients of Cohere and Jina read.
    AnyRerank,
    /// `{"error": {"message", "type", "param", "code"}}`, where `code` is a name.
    OpenAi,
    /// The same, where `code` is the status.
    Vllm,
    /// The same, with the keys that clients of Cohere and Jina read.
    Rerank,
    /// `{"error"}`.
    OpenInference,
}

/// Paths of all interfaces that are asked with a body.
pub const PATHS: [(&str, Form); 13] = [
    ("/embed", Form::TextEmbeddingsInference),
    ("/predict", Form::TextEmbeddingsInference),
    ("/similarity", Form::TextEmbeddingsInference),
    ("/rerank", Form::AnyRerank),
    ("/v1/rerank", Form::Rerank),
    ("/v1/embeddings", Form::OpenAi),
    ("/v1/moderations", Form::OpenAi),
    ("/v2/models/x/infer", Form::OpenInference),
    ("/classify", Form::Vllm),
    ("/score", Form::Vllm),
    ("/pooling", Form::Vllm),
    ("/models/x", Form::Own),
    ("/v1/token-classification", Form::Own),
];

impl Form {
    /// The body of a refusal: 429 `rate_limited`, 503 `overloaded` or 504 `timeout`.
    pub fn body(self, status: u16, message: &str) -> Value {
        let name = match status {
            429 => ["rate_limited", "Overloaded", "RateLimitError"],
            503 => ["overloaded", "Unhealthy", "ServiceUnavailableError"],
            504 => ["timeout", "Backend", "InternalServerError"],
            other => panic!("{other}"),
        };
        let [own, of_text_embeddings_inference, of_vllm] = name;
        let vllm = json!({"message": message, "type": of_vllm, "param": null, "code": status});
        match self {
            Self::Own => json!({"error": message, "error_type": own}),
            Self::TextEmbeddingsInference => {
                json!({"error": message, "error_type": of_text_embeddings_inference})
            }
            Self::AnyRerank => json!({
                "error": message, "error_type": of_text_embeddings_inference,
                "message": message, "detail": message,
            }),
            Self::OpenAi => {
                let (kind, code) = match status {
                    429 => ("requests", "rate_limit_exceeded"),
                    _ => ("server_error", own),
                };
                let error = json!({"message": message, "type": kind, "param": null, "code": code});
                json!({ "error": error })
            }
            Self::Vllm => json!({ "error": vllm }),
            Self::Rerank => json!({"message": message, "detail": message, "error": vllm}),
            Self::OpenInference => json!({ "error": message }),
        }
    }
}
