use http::{Request, Response};
use wasmtime_wasi_http::WasiBody;

use crate::deidentification::{Asked, Begun};
use crate::http::middleware::{Middleware, Next};
use crate::request::{Body, RequestContext};
use crate::routing::Routed;

/// De-identifies what the function finds, on routes with a `[deidentify]` section.
#[derive(Clone)]
pub(in crate::http) struct Deidentify;

impl Middleware for Deidentify {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        let (head, body) = request.into_parts();
        let deidentified =
            |routed: &Routed| Some((routed.deidentification.clone()?, routed.version.clone()));
        let routed = head.extensions.get::<Routed>().and_then(deidentified);
        let Some((deidentification, version)) = routed else {
            return next.run(Request::from_parts(head, body)).await;
        };
        let context = RequestContext::of(&head);
        match deidentification.begin(head, body, &version, &context).await {
            Begun::Asked(request, kept) => {
                let response = next.run(request).await;
                kept.finish(response, version.tells_timings(), &context).await
            }
            Begun::Streamed(streamed) => {
                let ask =
                    move |request: Request<WasiBody>| Box::pin(next.clone().run(request)) as Asked;
                streamed.answer(Box::new(ask), &context)
            }
            Begun::Answered(response) => response,
        }
    }
}
