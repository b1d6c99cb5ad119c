use http::{Request, Response};
use wasmtime_wasi_http::WasiBody;

use crate::http::middleware::{Middleware, Next};
use crate::request::{Body, RequestContext, in_dialect};

/// Writes refusals of the layers below in the error format of the interface that the path belongs to. If the
/// request body is refused while a function reads it, the refusal replaces the function's response.
#[derive(Clone)]
pub(in crate::http) struct Refusals;

impl Middleware for Refusals {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        let (head, body) = request.into_parts();
        let context = RequestContext::of(&head);
        let mut response = next.run(Request::from_parts(head, body)).await;
        if let Some(refused) = context.refused_body() {
            // Whatever the function made of the part that it got.
            context.refused(refused.kind);
            response = refused.response();
        }
        in_dialect(context.path(), response)
    }
}
