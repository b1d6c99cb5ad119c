//! Errors of requests, and how bodies are read.

use pilotlight_wire::{Dialect, JsonError, Key, UnsupportedCoding, parse_json};
use serde::de::DeserializeOwned;

use crate::engine::{EngineError, Later};

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// Not JSON.
    #[error("{0}")]
    Malformed(String),
    /// No such path.
    #[error("{0} does not exist; see GET /info")]
    NotFound(String),
    /// A model or a version of it that the Open Inference Protocol does not find here.
    #[error("Request for unknown model: {0}")]
    NotServed(String),
    /// No such model.
    #[error("the model {0:?} does not exist; see GET /v1/models")]
    UnknownModel(String),
    /// The path is there, but not for this method.
    #[error("{method} is not allowed here; use {allow}")]
    MethodNotAllowed {
        /// The method of the request.
        method: String,
        /// The methods the path takes.
        allow: String,
    },
    /// The body exceeds the limit.
    #[error("the body exceeds {limit} bytes; send less at once")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The body is declared to be something that is not read here.
    #[error("content-type {content_type} is not supported; send {known}")]
    UnsupportedMediaType {
        /// What it is declared to be.
        content_type: String,
        /// What is read.
        known: String,
    },
    /// The body is encoded in a way that cannot be decoded.
    #[error(transparent)]
    UnsupportedCoding(#[from] UnsupportedCoding),
    /// JSON, but not a valid request.
    #[error("{0}")]
    Invalid(String),
    /// JSON, but a key has no value or one that cannot be used.
    #[error("{message}")]
    InvalidKey {
        /// The name of the key.
        name: &'static str,
        /// Whether it has no value.
        is_missing: bool,
        /// What is wrong.
        message: String,
    },
    /// A list or a text is empty where there has to be something.
    #[error("{0} is empty; send at least one")]
    Empty(&'static str),
    /// A text is longer than the model reads, and must not be shortened.
    #[error("{0}")]
    TooLong(String),
    /// More texts than the model's limits allow.
    #[error("{count} {name} are more than {limit}")]
    TooMany {
        /// What there is too much of.
        name: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The model is not there or does not work.
    #[error("{0}")]
    Internal(String),
    /// A part of a dialect that this model, or any, does not have.
    #[error("{0}")]
    Unsupported(String),
    /// Too many other requests wait to be computed.
    #[error("{0}")]
    Busy(Later),
    /// Nothing can be computed at the moment.
    #[error("{0}")]
    Unavailable(Later),
    /// An error that is told in another dialect than that of the path, because the body is in it.
    #[error("{1}")]
    InDialect(Dialect, Box<Self>),
}

impl ApiError {
    /// HTTP status (RFC 9110).
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::NotFound(_) | Self::NotServed(_) | Self::UnknownModel(_) => 404,
            Self::MethodNotAllowed { .. } => 405,
            Self::TooLarge { .. } => 413,
            Self::UnsupportedMediaType { .. } | Self::UnsupportedCoding(_) => 415,
            Self::Invalid(_)
            | Self::InvalidKey { .. }
            | Self::Empty(_)
            | Self::TooLong(_)
            | Self::TooMany { .. } => 422,
            Self::Busy(_) => 429,
            Self::Internal(_) => 500,
            Self::Unsupported(_) => 501,
            Self::Unavailable(_) => 503,
            Self::InDialect(_, error) => error.status(),
        }
    }

    /// The key of the request that is wrong, where it is known.
    pub fn key(&self) -> Option<Key<'_>> {
        match self {
            Self::InvalidKey { name, is_missing: true, .. } => Some(Key::Missing(name)),
            Self::InvalidKey { name, .. } | Self::Empty(name) | Self::TooMany { name, .. } => {
                Some(Key::Invalid(name))
            }
            Self::InDialect(_, error) => error.key(),
            _ => None,
        }
    }

    /// The dialect that it is told in, where that is not the path's.
    pub fn dialect(&self) -> Option<Dialect> {
        match self {
            Self::InDialect(dialect, _) => Some(*dialect),
            _ => None,
        }
    }

    /// The value of a key that cannot be used.
    pub fn of_key(name: &'static str, message: impl Into<String>) -> Self {
        Self::InvalidKey { name, is_missing: false, message: message.into() }
    }

    /// The same error, which is about the value of a key unless it tells another one.
    #[must_use]
    pub fn about(self, name: &'static str) -> Self {
        match self {
            Self::Invalid(message) => Self::of_key(name, message),
            other => other,
        }
    }

    /// Seconds after which to ask again, where that helps.
    pub fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Busy(later) | Self::Unavailable(later) => Some(later.seconds),
            Self::InDialect(_, error) => error.retry_after(),
            _ => None,
        }
    }

    /// The header that belongs to the status, if there is one.
    pub fn header(&self) -> Option<(&'static str, String)> {
        match self {
            Self::MethodNotAllowed { allow, .. } => Some(("allow", allow.clone())),
            // Clients of OpenAI repeat requests after any 5xx otherwise.
            Self::Unsupported(_) => Some(("x-should-retry", "false".to_owned())),
            Self::UnsupportedCoding(coding) => {
                Some(("accept-encoding", coding.accepted().to_owned()))
            }
            Self::InDialect(_, error) => error.header(),
            _ => self.retry_after().map(|seconds| ("retry-after", seconds.to_string())),
        }
    }

    /// Stable name for programs.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::NotFound(_) => "not_found",
            Self::NotServed(_) | Self::UnknownModel(_) => "model_not_found",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::TooLarge { .. } => "payload_too_large",
            Self::UnsupportedMediaType { .. } | Self::UnsupportedCoding(_) => {
                "unsupported_media_type"
            }
            Self::Invalid(_) | Self::InvalidKey { .. } => "invalid",
            Self::Empty(_) => "empty",
            Self::TooLong(_) => "too_long",
            Self::TooMany { .. } => "too_many",
            Self::Internal(_) => "internal",
            Self::Unsupported(_) => "unsupported",
            Self::Busy(_) => "busy",
            Self::Unavailable(_) => "unavailable",
            Self::InDialect(_, error) => error.error_type(),
        }
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Failed(_) => Self::Internal(error.to_string()),
            EngineError::Busy(later) => Self::Busy(later),
            EngineError::Unavailable(later) => Self::Unavailable(later),
        }
    }
}

/// Parses a request body: [`ApiError::Malformed`] if it is not JSON, [`ApiError::Invalid`] if
/// it is JSON of another form.
///
/// # Errors
/// As above, with line and column.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    parse_json(body).map_err(|error: JsonError| match error.is_json() {
        true => ApiError::Invalid(error.to_string()),
        false => ApiError::Malformed(error.to_string()),
    })
}
