//! gRPC over HTTP/2, as far as the host answers without a function: which requests are calls, and how
//! one is refused.

use http::{HeaderValue, Response, StatusCode, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::body::Body;

/// Paths of the calls of the Open Inference Protocol's service begin with it.
pub(crate) const SERVICE: &str = "/inference.GRPCInferenceService/";

/// The call of Envoy's external processing, which lasts as long as a request and its response pass the proxy.
const PROCESS: &str = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";

/// Whether a path is that of a call.
pub(crate) fn is_call(path: &str) -> bool {
    path.starts_with(SERVICE) || is_stream(path)
}

/// Whether a path is that of a call that is answered while it is read.
pub(crate) fn is_stream(path: &str) -> bool {
    path == PROCESS
}

/// What `grpc-message` escapes (gRPC over HTTP/2, Responses).
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// The gRPC status code for an HTTP status.
pub(crate) fn code(status: StatusCode) -> i32 {
    match status.as_u16() {
        200..300 => 0,
        400 | 415 | 422 => 3,
        404 => 5,
        408 | 504 => 4,
        401 => 16,
        403 => 7,
        405 | 501 => 12,
        413 => 8,
        429 | 502 | 503 => 14,
        _ => 13,
    }
}

/// A response that has trailers only: the call is refused.
pub(crate) fn refuse(status: StatusCode, error: &str) -> Response<Body> {
    let mut response = Body::empty(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from(code(status)));
    let message = utf8_percent_encode(error, ESCAPED).to_string();
    if let Ok(message) = HeaderValue::try_from(message) {
        headers.insert("grpc-message", message);
    }
    response
}
