//! What the host refuses, in the words of the interface that the request's path belongs to.

use http::{Response, StatusCode};
use pilotlight_wire::{Dialect, Refusal, normalize_path};

use super::body::Body;
use super::grpc;

/// What a response of the host's own says, until it is known in whose words: one of its extensions.
#[derive(Clone)]
pub(super) struct Refused {
    pub(super) error_type: String,
    pub(super) error: String,
}

/// The response to a request for `path`; one of a function stays as it is.
pub(crate) fn in_dialect(path: &str, mut response: Response<Body>) -> Response<Body> {
    let Some(Refused { error_type, error }) = response.extensions_mut().remove::<Refused>() else {
        return response;
    };
    if grpc::is_call(path) {
        return grpc::refuse(response.status(), &error);
    }
    let path = normalize_path(path).unwrap_or_default();
    let dialect = Dialect::of_path(&path);
    if dialect == Dialect::default() {
        return response;
    }
    let status = response.status().as_u16();
    let refusal = Refusal { status, error_type: &error_type, message: &error, key: None };
    let (status, body) = dialect.refuse(refusal);
    *response.body_mut() = Body::full(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(response.status());
    response
}
