use http::{Request, Response};
use wasmtime_wasi_http::WasiBody;

use crate::http::middleware::{Middleware, Next};
use crate::request::{Body, RequestContext};
use crate::routing::Functions;

/// Authenticates a request and counts it against its rate limit, wherever its head tells which
/// `[auth]` section it is under.
#[derive(Clone)]
pub(in crate::http) struct Authenticate(pub(in crate::http) Functions);

impl Middleware for Authenticate {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        let Some(routing) = self.0.table().routing.clone() else { return next.run(request).await };
        let (mut head, body) = request.into_parts();
        let context = RequestContext::of(&head);
        match routing.authenticate(&head, &context) {
            Ok(Some(authenticated)) => drop(head.extensions.insert(authenticated)),
            Ok(None) => {}
            Err(rejected) => {
                let (kind, response) = *rejected;
                context.failed(kind);
                return response;
            }
        }
        next.run(Request::from_parts(head, body)).await
    }
}
