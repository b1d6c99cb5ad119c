//! The administration's endpoints: `/health`, `/ready` and `/status`.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use crate::body::Body;
use crate::host::Host;
use crate::server::Readiness;

/// Answers `/health` (the process runs), `/ready` (the function takes requests) and `/status`
/// (how it started, and what its pool holds).
#[derive(Clone)]
pub struct Admin {
    readiness: Readiness,
    started: Arc<OnceLock<Started>>,
}

/// How a function came up.
struct Started {
    host: Host,
    /// When the process began to load it, in microseconds since 1970.
    main_unix_us: u64,
    load: Duration,
}

impl Admin {
    /// Reports `readiness`.
    pub fn new(readiness: Readiness) -> Self {
        Self { readiness, started: Arc::default() }
    }

    /// Reports on `host` from now on, whose process was in its hands at `main` and which took
    /// `load` to load.
    pub fn started(&self, host: Host, main: SystemTime, load: Duration) {
        let since = main.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let started = Started { host, main_unix_us: since.as_micros() as u64, load };
        // A second host has nobody to ask for it.
        let _ = self.started.set(started);
    }

    fn status(&self) -> serde_json::Value {
        let Some(started) = self.started.get() else {
            return serde_json::json!({"status": "loading"});
        };
        serde_json::json!({
            "status": "loaded",
            "start": {
                "main_unix_us": started.main_unix_us,
                "load_us": started.load.as_micros() as u64,
            },
            "pool": started.host.pool(),
            "graphs": started.host.graphs().map(|graphs| graphs.status()),
            "buffers": started.host.graphs().map(|graphs| graphs.buffer_status()),
        })
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Body> {
        let says = |text: &str| serde_json::json!({"status": text});
        let (status, content) = match path {
            "/health" => (StatusCode::OK, says("ok")),
            "/ready" if self.readiness.get() => (StatusCode::OK, says("ready")),
            "/ready" => (StatusCode::SERVICE_UNAVAILABLE, says("not ready")),
            "/status" => (StatusCode::OK, self.status()),
            _ => (StatusCode::NOT_FOUND, says("not found")),
        };
        let known = status != StatusCode::NOT_FOUND;
        let allowed = *method == Method::GET || *method == Method::HEAD;
        let (status, content) = if known && !allowed {
            (StatusCode::METHOD_NOT_ALLOWED, says("method not allowed"))
        } else {
            (status, content)
        };
        let body = content.to_string().into_bytes();
        let mut response = Response::new(Body::full(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response
    }
}

impl<B> tower::Service<Request<B>> for Admin {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(request.method(), request.uri().path())))
    }
}
