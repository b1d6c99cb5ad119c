use http::{Request, Response};
use wasmtime_wasi_http::WasiBody;

use crate::http::middleware::{Middleware, Next};
use crate::request::{Body, BodyLimit};
use crate::routing::Functions;

/// Finds the longest body that any function accepts to which a request may go.
#[derive(Clone)]
pub(in crate::http) struct LimitBody(pub(in crate::http) Functions);

impl Middleware for LimitBody {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        let (mut head, body) = request.into_parts();
        if let Some(limit) = self.0.table().body_limit(&head) {
            head.extensions.insert(BodyLimit(limit));
        }
        next.run(Request::from_parts(head, body)).await
    }
}
