use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use http::{Request, Response, StatusCode};
use pilotlight_telemetry::ErrorKind;
use wasmtime_wasi_http::WasiBody;

use crate::http::middleware::{Middleware, Next};
use crate::request::{Body, RequestContext};

/// Responds with 500 if a layer below panics. tower-http's layer would box the response body, which tells the
/// request context how the response ends.
#[derive(Clone)]
pub(in crate::http) struct CatchPanic;

impl Middleware for CatchPanic {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        let (head, body) = request.into_parts();
        let context = RequestContext::of(&head);
        let below = next.run(Request::from_parts(head, body));
        let answered = AssertUnwindSafe(below).catch_unwind().await;
        answered.unwrap_or_else(|panic| panicked(&*panic, &context))
    }
}

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
    use bytes::Bytes;
    use http::header;
    use http_body_util::{BodyExt as _, Full};
    use serde_json::{Value, json};
    use tower::{Service as _, ServiceBuilder};

    use super::*;
    use crate::http::layers::{CloseUnread, Observe, Refusals, RequestId};
    use crate::http::middleware::Inline;
    use crate::request::REQUEST_ID;
    use crate::telemetry::Telemetry;

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
        let mut service = ServiceBuilder::new()
            .layer(Observe(telemetry.clone()))
            .layer(Inline(RequestId))
            .layer(Inline(CloseUnread))
            .layer(Inline(Refusals))
            .layer(Inline(CatchPanic))
            .service(Panics);
        let response = service.call(request).await.unwrap();
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
