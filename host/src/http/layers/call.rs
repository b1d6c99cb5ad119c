use http::{Request, Response, StatusCode};
use pilotlight_telemetry::ErrorKind;
use wasmtime_wasi_http::WasiBody;

use crate::http::middleware::Next;
use crate::request::{Body, RequestContext};
use crate::routing::Routed;

/// Has the version answer that the request was routed to: admission control, instance pool, instance.
#[derive(Clone)]
pub(in crate::http) struct Call;

impl Next for Call {
    async fn run(self, request: Request<WasiBody>) -> Response<Body> {
        let (mut head, body) = request.into_parts();
        let context = head.extensions.remove::<RequestContext>();
        let context = context.unwrap_or_else(|| RequestContext::uncounted(&head));
        let Some(Routed { version, canary, .. }) = head.extensions.remove::<Routed>() else {
            context.failed(ErrorKind::Internal);
            let error = "the request was not routed; please report this defect";
            return Body::refusal(StatusCode::INTERNAL_SERVER_ERROR, "internal", error);
        };
        context.observed_by(canary.as_ref());
        version.answer(Request::from_parts(head, body), &context).await
    }
}
