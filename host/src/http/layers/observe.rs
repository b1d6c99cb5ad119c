//! Request context, request id, access log, trace and metrics; panics of the host's own code.

use std::any::Any;
use std::convert::Infallible;
use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt as _;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Version, header};
use http_body_util::BodyExt as _;
use pilotlight_telemetry::ErrorKind;
use tower::{Layer, Service};
use tracing::Instrument as _;
use wasmtime_wasi_http::Error as HttpError;

use crate::http::middleware::Next;
use crate::request::{Body, REQUEST_ID, RefusedBody, RequestContext, in_dialect};
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
        head.headers.insert(HeaderName::from_static(REQUEST_ID), context.id().clone());
        head.extensions.insert(context.clone());
        let empty = body.is_end_stream();
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
            let answered = AssertUnwindSafe(next.run(below)).catch_unwind();
            let answered = answered.instrument(context.span()).await;
            let mut response = answered.unwrap_or_else(|panic| panicked(&*panic, &context));
            if let Some(refused) = context.refused_body() {
                // Whatever the function made of the part that it got.
                context.refused(refused.kind);
                response = refused.response();
            }
            let unread = !empty && (!context.body_was_taken() || context.refused_body().is_some());
            if unread && context.http_version() < Version::HTTP_2 {
                // What is left of the body cannot be told from another request.
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            let mut response = in_dialect(context.path(), response);
            response.headers_mut().entry(REQUEST_ID).or_insert_with(|| context.id().clone());
            context.answered(response.status(), response.headers());
            Ok(response.map(|body| body.ending(request)))
        })
    }
}

/// The response where a layer has panicked. tower-http's layer for that would box the body, which
/// tells how the response ends.
fn panicked(panic: &(dyn Any + Send), context: &RequestContext) -> Response<Body> {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = text.unwrap_or("no message");
    context.failed(ErrorKind::Internal);
    context.within(|| tracing::error!(message, "a layer panicked; please report this defect"));
    let error = "the server failed; its log has the reason";
    Body::refusal(StatusCode::INTERNAL_SERVER_ERROR, "internal", error)
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use serde_json::{Value, json};
    use wasmtime_wasi_http::WasiBody;

    use super::*;

    /// A layer with a defect.
    #[derive(Clone)]
    struct Panics;

    impl Next for Panics {
        async fn run(self, _: Request<WasiBody>) -> Response<Body> {
            panic!("a secret of the request")
        }
    }

    async fn answered(telemetry: &Telemetry, path: &str) -> (http::response::Parts, Value) {
        let request = Request::post(path).body(Full::new(Bytes::from_static(b"{}"))).unwrap();
        let response = Observe(telemetry.clone()).layer(Panics).call(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_panic_is_answered_with_500_in_the_dialect_of_the_path_and_counted() {
        let telemetry = Telemetry::default();
        let message = "the server failed; its log has the reason";
        let open_ai =
            json!({"message": message, "type": "server_error", "param": null, "code": null});
        for (path, expected) in [
            ("/v1/redact", json!({"error": message, "error_type": "internal"})),
            ("/v1/embeddings", json!({"error": open_ai})),
            ("/v2/models/m/infer", json!({"error": message})),
        ] {
            let (head, body) = answered(&telemetry, path).await;
            assert_eq!(head.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
            assert_eq!(body, expected, "{path}");
            assert!(head.headers.contains_key(REQUEST_ID), "{path}");
            // Nobody has read the body.
            assert_eq!(head.headers[header::CONNECTION], "close", "{path}");
        }
        let (_, metrics) = telemetry.metrics().render("");
        for series in [
            "pilotlight_requests_total{code=\"500\"} 3",
            "pilotlight_errors_total{kind=\"internal\"} 3",
        ] {
            assert!(metrics.lines().any(|line| line == series), "{series} is not in {metrics}");
        }
    }
}
