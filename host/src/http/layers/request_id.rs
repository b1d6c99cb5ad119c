use http::{HeaderName, Request, Response};
use wasmtime_wasi_http::WasiBody;

use crate::http::middleware::{Middleware, Next};
use crate::request::{Body, REQUEST_ID, RequestContext};

/// Adds the id of the request, which the request context has chosen, to the request and to its response.
#[derive(Clone)]
pub(in crate::http) struct RequestId;

impl Middleware for RequestId {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        let (mut head, body) = request.into_parts();
        let context = RequestContext::of(&head);
        head.headers.insert(HeaderName::from_static(REQUEST_ID), context.id().clone());
        let mut response = next.run(Request::from_parts(head, body)).await;
        response.headers_mut().entry(REQUEST_ID).or_insert_with(|| context.id().clone());
        response
    }
}
