use http::{HeaderValue, Request, Response, Version, header};
use http_body::Body as _;
use wasmtime_wasi_http::WasiBody;

use crate::http::middleware::{Middleware, Next};
use crate::request::{Body, RequestContext, in_dialect};

/// Writes what layers below refuse in the words of the interface that was asked, and closes a connection of
/// which a body is left unread.
#[derive(Clone)]
pub(in crate::http) struct Refusals;

impl Middleware for Refusals {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        let (head, body) = request.into_parts();
        let context = RequestContext::of(&head);
        let is_empty = body.is_end_stream();
        let mut response = next.run(Request::from_parts(head, body)).await;
        if let Some(refused) = context.refused_body() {
            // Whatever the function made of the part that it got.
            context.refused(refused.kind);
            response = refused.response();
        }
        let is_unread =
            !is_empty && (!context.body_was_taken() || context.refused_body().is_some());
        if is_unread && context.http_version() < Version::HTTP_2 {
            // What is left of the body cannot be told from another request.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        in_dialect(context.path(), response)
    }
}
