use http::{Request, Response};
use wasmtime_wasi_http::WasiBody;

use crate::http::middleware::{Middleware, Next};
use crate::request::grpc::is_stream;
use crate::request::{BeginsSession, Body, BodyLimit};
use crate::routing::Functions;

/// Finds the longest body that any function accepts to which a request may go, or that it begins a session.
#[derive(Clone)]
pub(in crate::http) struct LimitBody(pub(in crate::http) Functions);

impl Middleware for LimitBody {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        let (mut head, body) = request.into_parts();
        let table = self.0.table();
        if table.begins_session(&head) || is_stream(head.uri.path()) {
            head.extensions.insert(BeginsSession);
        } else if let Some(limit) = table.body_limit(&head) {
            head.extensions.insert(BodyLimit(limit));
        }
        next.run(Request::from_parts(head, body)).await
    }
}
