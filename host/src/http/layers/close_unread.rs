use http::{HeaderValue, Request, Response, Version, header};
use http_body::Body as _;
use wasmtime_wasi_http::WasiBody;

use crate::http::middleware::{Middleware, Next};
use crate::request::{Body, RequestContext};

/// Closes a connection without streams (HTTP/1) if a part of the request body was not read: the next request
/// would begin in the middle of that body.
#[derive(Clone)]
pub(in crate::http) struct CloseUnread;

impl Middleware for CloseUnread {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        let (head, body) = request.into_parts();
        let context = RequestContext::of(&head);
        let is_empty = body.is_end_stream();
        let mut response = next.run(Request::from_parts(head, body)).await;
        let is_unread =
            !is_empty && (!context.body_was_taken() || context.refused_body().is_some());
        if is_unread && context.http_version() < Version::HTTP_2 {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
