use http::{HeaderValue, Response, StatusCode, header};
use pilotlight_deidentify::Mode;
use pilotlight_telemetry::ErrorKind;

use crate::request::{Body, REQUEST_ID, RequestContext};

/// Why a request to a de-identified route is not answered as it was meant. What is told holds nothing
/// of the text.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeidentificationError {
    #[error(
        "this route is de-identified and only has POST /v1/redact, POST /v1/redact/stream and GET \
         /info, and, if it encrypts, POST /v1/reidentify and POST /v1/reidentify/stream"
    )]
    NotDeidentified,
    #[error("this route cannot re-identify values, because its mode is {} instead of encrypt", .0.as_str())]
    NothingToReidentify(Mode),
    #[error("use {0}")]
    Method(&'static str),
    /// No refusal, but an answer without the function, too: the methods that the path allows.
    #[error("use {0}")]
    Options(&'static str),
    #[error("/info is not available, because the function's component has no manifest")]
    NoInfo,
    #[error("send application/json")]
    MediaType,
    #[error("send text/plain in UTF-8, or text/event-stream")]
    StreamMediaType,
    #[error("`placeholder` is the only supported key of the query")]
    Query,
    #[error("the body is too long; send less at once")]
    TooLong,
    #[error("{0}")]
    Malformed(String),
    #[error("{0}")]
    Invalid(String),
    #[error("`{key}` has no effect, because this route has mode `{}` instead of redact; remove it", mode.as_str())]
    OfNoEffect { key: &'static str, mode: Mode },
    #[error("the text contains an entity whose label is blocked on this route; remove it")]
    Blocked,
    /// The function's answer cannot be de-identified; why is for the log.
    #[error("the answer could not be de-identified; the server's log has the reason")]
    Unusable(String),
    /// The function's own refusal. Its words could hold some of the text.
    #[error("{}", said(*.0))]
    Function(StatusCode),
}

impl DeidentificationError {
    fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotDeidentified => (StatusCode::FORBIDDEN, "forbidden"),
            Self::NothingToReidentify(_) | Self::NoInfo => (StatusCode::NOT_FOUND, "not_found"),
            Self::Method(_) => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Options(_) => (StatusCode::NO_CONTENT, "options"),
            Self::MediaType | Self::StreamMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
            }
            Self::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
            Self::Blocked => (StatusCode::UNPROCESSABLE_ENTITY, "blocked"),
            Self::Invalid(_) | Self::Query | Self::OfNoEffect { .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, "invalid")
            }
            Self::Unusable(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            Self::Function(status) => (*status, error_type(*status)),
        }
    }

    /// A stable name for programs.
    pub(super) fn error_type(&self) -> &'static str {
        self.status().1
    }

    /// As what it is counted; the function's own refusals count as what they are where it answers.
    fn kind(&self) -> Option<ErrorKind> {
        Some(match self {
            Self::NotDeidentified | Self::Blocked => ErrorKind::Forbidden,
            Self::NothingToReidentify(_) | Self::NoInfo => ErrorKind::NotFound,
            Self::TooLong => ErrorKind::TooLarge,
            Self::Method(_)
            | Self::MediaType
            | Self::StreamMediaType
            | Self::Query
            | Self::Malformed(_)
            | Self::Invalid(_)
            | Self::OfNoEffect { .. } => ErrorKind::Malformed,
            Self::Unusable(_) => ErrorKind::Internal,
            Self::Function(_) | Self::Options(_) => return None,
        })
    }

    /// The response; `context` counts it.
    pub(super) fn response(&self, context: &RequestContext) -> Response<Body> {
        if let Some(kind) = self.kind() {
            context.failed(kind);
        }
        let (status, error_type) = self.status();
        let mut response = match status {
            StatusCode::NO_CONTENT => Body::empty(status),
            status => Body::refusal(status, error_type, &self.to_string()),
        };
        if let Self::Method(allow) | Self::Options(allow) = self {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        response.headers_mut().insert(REQUEST_ID, context.id().clone());
        response
    }
}

/// The function's refusals, in words of the host's own.
fn said(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => "the text is too long; send less at once",
        StatusCode::UNPROCESSABLE_ENTITY => {
            "the text or its entities are not valid; positions of entities must be in the text and \
             count code points"
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            "the function is busy; try again later"
        }
        StatusCode::GATEWAY_TIMEOUT => "the function took too long; send less at once",
        StatusCode::NOT_FOUND => "the function has no /v1/redact",
        _ => "the function failed; the server's log has the reason",
    }
}

fn error_type(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::PAYLOAD_TOO_LARGE => "payload_too_large",
        StatusCode::UNPROCESSABLE_ENTITY => "invalid",
        StatusCode::TOO_MANY_REQUESTS => "busy",
        StatusCode::SERVICE_UNAVAILABLE => "overloaded",
        StatusCode::GATEWAY_TIMEOUT => "timeout",
        _ => "internal",
    }
}
