//! Request context, access log, trace and metrics.

use std::convert::Infallible;
use std::fmt::Display;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tower::{Layer, Service};
use tracing::Instrument as _;
use wasmtime_wasi_http::Error as HttpError;

use crate::http::middleware::Next;
use crate::request::{Body, RefusedBody, RequestContext};
use crate::telemetry::Telemetry;

/// Begins the [`RequestContext`] of each request; its end is told to `telemetry`.
#[derive(Clone)]
pub(in crate::http) struct Observe(pub(in crate::http) Telemetry);

/// A service behind [`Observe`].
#[derive(Clone)]
pub(in crate::http) struct Observed<S> {
    telemetry: Telemetry,
    next: S,
}

impl<S> Layer<S> for Observe {
    type Service = Observed<S>;

    fn layer(&self, next: S) -> Observed<S> {
        Observed { telemetry: self.0.clone(), next }
    }
}

impl<S, B> Service<Request<B>> for Observed<S>
where
    S: Next,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Display,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut head, body) = request.into_parts();
        let request = RequestContext::begin(&self.telemetry, &head);
        let context = request.context().clone();
        head.extensions.insert(context.clone());
        let reader = context.clone();
        let failed = move |error: B::Error| {
            tracing::debug!(%error, "the request was aborted");
            let reason = || format!("the body was not received completely: {error}");
            reader.refuse_body(|| RefusedBody::malformed(reason()));
            HttpError::ConnectionTerminated
        };
        let below = Request::from_parts(head, body.map_err(failed).boxed_unsync());
        let next = self.next.clone();
        Box::pin(async move {
            let response = next.run(below).instrument(context.span()).await;
            context.answered(response.status(), response.headers());
            Ok(response.map(|body| body.ending(request)))
        })
    }
}
