//! The administration's endpoints: `/health` and `/ready`.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use crate::body::Body;
use crate::server::Readiness;

/// Answers `/health` (the process runs) and `/ready` (the function takes requests).
#[derive(Debug, Clone)]
pub struct Admin(Readiness);

impl Admin {
    /// Reports `readiness`.
    pub fn new(readiness: Readiness) -> Self {
        Self(readiness)
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Body> {
        let (status, text) = match path {
            "/health" => (StatusCode::OK, "ok"),
            "/ready" if self.0.get() => (StatusCode::OK, "ready"),
            "/ready" => (StatusCode::SERVICE_UNAVAILABLE, "not ready"),
            _ => (StatusCode::NOT_FOUND, "not found"),
        };
        let known = status != StatusCode::NOT_FOUND;
        let allowed = *method == Method::GET || *method == Method::HEAD;
        let (status, text) = if known && !allowed {
            (StatusCode::METHOD_NOT_ALLOWED, "method not allowed")
        } else {
            (status, text)
        };
        let body = serde_json::json!({"status": text}).to_string().into_bytes();
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
