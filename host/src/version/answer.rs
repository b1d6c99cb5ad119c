//! A request's way through a version, and what is answered when it leads nowhere.

use http::{HeaderValue, Request, Response, StatusCode, header};
use tokio::time::Instant;
use wasmtime_wasi_http::WasiBody;

use super::Version;
use crate::body::Body;
use crate::pool::{DeadlinePassed, NoInstance};
use crate::request_id::{REQUEST_ID, request_id};

const SERVER_TIMING: &str = "server-timing";
const VERSION: &str = "x-pilotlight-version";

/// Why a request got no answer from the function.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no instance became free in time")]
    Overloaded,
    #[error("the function took too long")]
    TimedOut,
    #[error("the function failed: {0:#}")]
    Broken(wasmtime::Error),
}

impl Version {
    /// Answers one request, in an instance of its own.
    pub(crate) async fn answer(&self, request: Request<WasiBody>) -> Response<Body> {
        let id = request_id(request.headers());
        let mut response = match self.run(request).await {
            Ok(response) => response,
            Err(failure) => {
                let version = self.label.to_str().unwrap_or_default();
                let id_text = id.to_str().unwrap_or_default();
                tracing::error!(id = id_text, version, %failure, "no answer");
                failure.into_response(id)
            }
        };
        response.headers_mut().insert(VERSION, self.label.clone());
        response
    }

    async fn run(&self, request: Request<WasiBody>) -> Result<Response<Body>, Failure> {
        let deadline = Instant::now() + self.request_timeout;
        let called = self.pool.call(request, deadline).await;
        let (mut response, timings) = called.map_err(|error| {
            if error.is::<NoInstance>() {
                Failure::Overloaded
            } else if error.is::<DeadlinePassed>() {
                Failure::TimedOut
            } else {
                Failure::Broken(error)
            }
        })?;
        if self.server_timing {
            response.headers_mut().insert(SERVER_TIMING, timings.header());
        }
        Ok(response)
    }
}

impl Failure {
    fn into_response(self, id: HeaderValue) -> Response<Body> {
        let (status, error_type, error) = match self {
            Self::Overloaded => {
                (StatusCode::SERVICE_UNAVAILABLE, "overloaded", "all instances are busy; try again")
            }
            Self::TimedOut => (
                StatusCode::GATEWAY_TIMEOUT,
                "timeout",
                "the function took too long; send less at once",
            ),
            Self::Broken(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "the function failed; the server's log says why",
            ),
        };
        let mut response = Body::refusal(status, error_type, error);
        response.headers_mut().insert(header::HeaderName::from_static(REQUEST_ID), id);
        response
    }
}
