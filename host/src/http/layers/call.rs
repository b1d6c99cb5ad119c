use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use pilotlight_telemetry::ErrorKind;
use tower::Service;
use wasmtime_wasi_http::WasiBody;

use crate::request::{Body, RequestContext};
use crate::routing::Routed;

/// Has the version answer that the request was routed to: admission control, instance pool, instance.
#[derive(Clone)]
pub(in crate::http) struct Call;

impl Service<Request<WasiBody>> for Call {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<WasiBody>) -> Self::Future {
        Box::pin(async move { Ok(call(request).await) })
    }
}

async fn call(request: Request<WasiBody>) -> Response<Body> {
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
