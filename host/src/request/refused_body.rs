//! Why the host refuses the body of a request while a function reads it, and the response to that.
//!
//! A function is told of a failed body by an error code alone, and answers as it sees fit. The host
//! knows the reason, so its own response replaces one of which nothing has been sent yet.

use http::{Response, StatusCode};
use pilotlight_telemetry::ErrorKind;

use super::body::Body;

/// The response of the host to a body that it refuses.
pub(crate) struct RefusedBody {
    pub(crate) kind: ErrorKind,
    pub(crate) status: StatusCode,
    pub(crate) error_type: &'static str,
    pub(crate) error: String,
}

impl RefusedBody {
    /// The body is longer than it may be.
    pub(crate) fn too_large(error: String) -> Self {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        Self { kind: ErrorKind::TooLarge, status, error_type: "payload_too_large", error }
    }

    /// The body is not whole, or not encoded as its head says.
    pub(crate) fn malformed(error: String) -> Self {
        let status = StatusCode::BAD_REQUEST;
        Self { kind: ErrorKind::Malformed, status, error_type: "malformed", error }
    }

    pub(crate) fn response(&self) -> Response<Body> {
        Body::refusal(self.status, self.error_type, &self.error)
    }
}
