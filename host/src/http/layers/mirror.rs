use http::{Request, Response};
use wasmtime_wasi_http::WasiBody;

use crate::http::middleware::{Middleware, Next};
use crate::request::{Body, RequestContext};
use crate::routing::Routed;

/// Sends a copy of a request to the shadow of its route; nobody waits for the shadow's response.
#[derive(Clone)]
pub(in crate::http) struct Mirror;

impl Middleware for Mirror {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        let shadow = request.extensions().get::<Routed>().and_then(|routed| routed.shadow.clone());
        let Some(shadow) = shadow else { return next.run(request).await };
        let (head, body) = request.into_parts();
        let context = RequestContext::of(&head);
        let request = Request::from_parts(head, body);
        match shadow.copy(request).await {
            Ok((request, None)) => next.run(request).await,
            Ok((request, Some(copy))) => shadow.mirror(copy, next.run(request).await),
            Err((kind, response)) => {
                context.failed(kind);
                response
            }
        }
    }
}
