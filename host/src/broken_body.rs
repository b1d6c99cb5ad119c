//! Why the body of a request broke off while a function was reading it, and the answer to that.
//!
//! A function is told of a failed body by an error code alone, and answers as it sees fit. The host
//! knows the reason, so its own answer replaces one of which nothing has been sent yet.

use std::sync::{Arc, OnceLock};

use http::{Response, StatusCode};
use pilotlight_telemetry::ErrorKind;

use crate::body::Body;

/// The reason that one body broke off, once there is one. Clones share it: a server puts one among
/// the extensions of the request, next to the body that sets it.
#[derive(Clone, Default)]
pub(crate) struct BrokenBody(Arc<OnceLock<BodyRefusal>>);

/// The answer of the host to a body that it refuses.
pub(crate) struct BodyRefusal {
    pub(crate) kind: ErrorKind,
    pub(crate) status: StatusCode,
    pub(crate) error_type: &'static str,
    pub(crate) error: String,
}

impl BrokenBody {
    /// Sets the reason; the first one counts.
    pub(crate) fn set(&self, refusal: impl FnOnce() -> BodyRefusal) {
        self.0.get_or_init(refusal);
    }

    /// The reason, if the body broke off.
    pub(crate) fn get(&self) -> Option<&BodyRefusal> {
        self.0.get()
    }
}

impl BodyRefusal {
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
