use http::{Request, Response};
use http_body_util::BodyExt as _;
use pilotlight_telemetry::ErrorKind;
use pilotlight_wire::Coding;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use crate::http::middleware::{Middleware, Next};
use crate::request::decompress::{DecodeError, Decoded, take_coding, unsupported};
use crate::request::{Body, RefusedBody, RequestContext};

/// Decodes a body that is compressed, where the layer above has not: what looks into it has to see
/// what the function sees.
#[derive(Clone)]
pub(in crate::http) struct Decompress;

impl Middleware for Decompress {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        let (mut head, body) = request.into_parts();
        let context = RequestContext::of(&head);
        let body = match take_coding(&mut head) {
            Ok(Coding::Identity) => body,
            Ok(coding) => {
                let reader = context.clone();
                let failed = move |error| not_decoded(error, &reader);
                // How long it may be is up to those who read it.
                Decoded::new(body, coding, u64::MAX).map_err(failed).boxed_unsync()
            }
            Err(other) => {
                context.failed(ErrorKind::Malformed);
                return unsupported(&other);
            }
        };
        context.take_body();
        next.run(Request::from_parts(head, body)).await
    }
}

/// What a function is told of a body that could not be decoded.
fn not_decoded(error: DecodeError<HttpError>, context: &RequestContext) -> HttpError {
    let refuse = |refused: RefusedBody| context.refuse_body(|| refused);
    match error {
        DecodeError::Content(error) => error,
        DecodeError::TooLarge(limit) => {
            refuse(RefusedBody::too_large(error.to_string()));
            HttpError::HttpRequestBodySize(Some(limit))
        }
        DecodeError::Broken(..) => {
            refuse(RefusedBody::malformed(error.to_string()));
            HttpError::ConnectionTerminated
        }
    }
}
