use http::{Request, Response};
use pilotlight_telemetry::ErrorKind;
use wasmtime_wasi_http::WasiBody;

use crate::http::middleware::{Middleware, Next};
use crate::request::{Body, RequestContext, target};

/// Brings the path into its normal form, so that authentication, routes and functions see the same.
#[derive(Clone)]
pub(in crate::http) struct NormalizeTarget;

impl Middleware for NormalizeTarget {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        let (mut head, body) = request.into_parts();
        if let Err(bad) = target::normalize(&mut head) {
            RequestContext::of(&head).failed(ErrorKind::Malformed);
            return target::malformed(&bad);
        }
        next.run(Request::from_parts(head, body)).await
    }
}
