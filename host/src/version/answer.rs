//! A request's way through a version.

use std::sync::Arc;

use http::{HeaderValue, Request, Response};
use http_body::Body as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::Instant;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use super::Version;
use super::failure::{Failure, FailureKind, Failures};
use crate::body::Body;
use crate::request_id::{REQUEST_ID, request_id, shown};

const SERVER_TIMING: &str = "server-timing";
const VERSION: &str = "x-pilotlight-version";

impl Version {
    /// Answers one request, in an instance of its own.
    pub(crate) async fn answer(&self, request: Request<WasiBody>) -> Response<Body> {
        let id = request_id(request.headers());
        let left = Left::unless_done(&self.failures);
        let answered = self.run(request).await;
        left.done();
        let mut response = match answered {
            Ok(response) => self.watched(response, &id),
            Err(failure) => {
                self.note(failure.kind(), &failure, &id);
                let mut response = failure.response();
                response.headers_mut().insert(REQUEST_ID, id);
                response
            }
        };
        response.headers_mut().insert(VERSION, self.label.clone());
        response
    }

    async fn run(&self, request: Request<WasiBody>) -> Result<Response<Body>, Failure> {
        let deadline = Instant::now() + self.request_timeout;
        let request = within(self.body_limit, request)?;
        let place = self.admission.enter().await?;
        let turn = self.crash_loop.turn().await;
        let called = self.pool.call(request, deadline).await;
        drop((turn, place));
        let (mut response, timings) = called?;
        self.crash_loop.succeeded();
        if self.server_timing {
            response.headers_mut().insert(SERVER_TIMING, timings.header());
        }
        Ok(response)
    }

    /// Counts a failure, and logs what clients are not told.
    fn note(&self, kind: FailureKind, failure: &Failure, id: &HeaderValue) {
        self.failures.count(kind);
        let (version, id) = (shown(&self.label), shown(id));
        if kind.is_refusal() {
            // Counted: under overload a line for each would only add to it.
            tracing::debug!(id, version, ?kind, %failure, "not admitted");
            return;
        }
        if kind.is_crash() {
            self.crash_loop.failed();
        }
        tracing::error!(id, version, ?kind, %failure, "no answer");
    }

    /// The response, whose body tells when the instance breaks off within it.
    fn watched(&self, response: Response<Body>, id: &HeaderValue) -> Response<Body> {
        if response.body().is_end_stream() {
            return response;
        }
        let (failures, crash_loop) = (Arc::clone(&self.failures), Arc::clone(&self.crash_loop));
        let (version, id) = (self.label.clone(), id.clone());
        response.map(|body| {
            body.when_broken(move |error| {
                failures.count(FailureKind::HalfResponse);
                crash_loop.failed();
                let (version, id) = (shown(&version), shown(&id));
                tracing::error!(id, version, error = format!("{error:#}"), "half an answer");
            })
        })
    }
}

/// Refuses a body that says it is longer than `limit`, and breaks off one that turns out to be.
fn within(limit: usize, request: Request<WasiBody>) -> Result<Request<WasiBody>, Failure> {
    let hint = request.body().size_hint();
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    if hint.lower() > most {
        return Err(Failure::BodyTooLong { limit });
    }
    if hint.upper().is_some_and(|upper| upper <= most) {
        return Ok(request);
    }
    let limited = |body| {
        Limited::new(body, limit).map_err(|error| match error.downcast::<HttpError>() {
            Ok(error) => *error,
            Err(error) if error.is::<LengthLimitError>() => HttpError::HttpRequestBodySize(None),
            Err(error) => HttpError::InternalError(Some(error.to_string())),
        })
    };
    Ok(request.map(|body| limited(body).boxed_unsync()))
}

/// Counts a client that goes away before it is answered: nobody polls its request any more.
struct Left<'a>(Option<&'a Failures>);

impl<'a> Left<'a> {
    fn unless_done(failures: &'a Failures) -> Self {
        Self(Some(failures))
    }

    fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        if let Some(failures) = self.0 {
            failures.count(FailureKind::Disconnected);
        }
    }
}
