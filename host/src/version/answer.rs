//! A request's way through a version.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use http_body::Body as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use pilotlight_sandbox::guest_error;
use pilotlight_telemetry::Stages;
use tokio::time::Instant;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use super::Version;
use super::failure::{Failure, FailureKind, Failures, is_crash};
use super::timings;
use crate::body::Body;
use crate::broken_body::{BodyRefusal, BrokenBody};
use crate::request_id::REQUEST_ID;
use crate::telemetry::{Caption, Exchange};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const SERVER_TIMING: &str = "server-timing";
const VERSION: &str = "x-pilotlight-version";
/// What our guests tell of the time that they took, in milliseconds.
const TOKENISATION: &str = "x-tokenization-time";
const INFERENCE: &str = "x-inference-time";
const TOTAL: &str = "x-total-time";

impl Version {
    /// Answers one request, in an instance of its own.
    pub(crate) async fn answer(
        &self,
        request: Request<WasiBody>,
        exchange: &mut Exchange,
    ) -> Response<Body> {
        exchange.comes_to(&self.handle, &self.label);
        let left = Left::unless_done(&self.failures);
        let answered = self.run(request, exchange).await;
        left.done();
        let mut response = match answered {
            Ok(response) => self.watched(response, exchange.caption()),
            Err(failure) => {
                self.note(&failure, exchange);
                let mut response = failure.response();
                response.headers_mut().insert(REQUEST_ID, exchange.caption().id().clone());
                response
            }
        };
        response.headers_mut().insert(VERSION, self.label.clone());
        response
    }

    async fn run(
        &self,
        request: Request<WasiBody>,
        exchange: &mut Exchange,
    ) -> Result<Response<Body>, Failure> {
        let arrival = Instant::now();
        let deadline = arrival + self.request_timeout;
        let mut request = within(self.body_limit, request)?;
        exchange.forward(request.headers_mut());
        let patience = self.admission.patience(arrival);
        let place = self.admission.enter(&self.crash_loop).await?;
        let waited = arrival.elapsed();
        let called = self.pool.call(request, patience, deadline).await;
        drop(place);
        let (response, timings) = called?;
        let mut response = response.map(Body::from);
        exchange.stages = timings::stages(&timings, waited);
        if self.declared.is_some() {
            tell_stages(response.headers(), &mut exchange.stages);
        }
        if self.server_timing {
            response.headers_mut().insert(SERVER_TIMING, timings::server_timing(&timings));
        }
        Ok(response)
    }

    /// Counts a failure, and logs what clients are not told.
    fn note(&self, failure: &Failure, exchange: &mut Exchange) {
        let kind = failure.kind();
        self.failures.count(kind);
        exchange.failed(kind.into());
        if kind.is_of_the_queue() {
            exchange.has_only_waited();
        }
        exchange.caption().within(|| {
            if kind.is_refusal() {
                // Counted: under overload a line for each would only add to it.
                tracing::debug!(?kind, %failure, "not admitted");
                return;
            }
            if failure.is_crash() {
                self.crash_loop.failed();
            }
            tracing::error!(?kind, %failure, "no answer");
        });
    }

    /// The response, whose body tells how it ends.
    fn watched(&self, response: Response<Body>, caption: &Caption) -> Response<Body> {
        if response.body().is_end_stream() {
            self.crash_loop.succeeded();
            return response;
        }
        let (failures, crash_loop) = (Arc::clone(&self.failures), Arc::clone(&self.crash_loop));
        let caption = caption.clone();
        response.map(|body| {
            body.when_over(move |end| {
                let Err(error) = end else { return crash_loop.succeeded() };
                failures.count(FailureKind::HalfResponse);
                caption.within(|| {
                    if is_crash(error) {
                        crash_loop.failed();
                    }
                    tracing::error!(error = guest_error::told(error), "half an answer");
                });
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
    let broken = request.extensions().get::<BrokenBody>().cloned().unwrap_or_default();
    let failed = move |error: BoxError| match error.downcast::<HttpError>() {
        Ok(error) => *error,
        Err(error) if error.is::<LengthLimitError>() => {
            let told = || format!("the body exceeds {limit} bytes; send less at once");
            broken.set(|| BodyRefusal::too_large(told()));
            HttpError::HttpRequestBodySize(None)
        }
        Err(error) => HttpError::InternalError(Some(error.to_string())),
    };
    Ok(request.map(|body| Limited::new(body, limit).map_err(failed).boxed_unsync()))
}

/// Reads what our guests tell; nothing of what took no time, which was not done.
fn tell_stages(headers: &HeaderMap, stages: &mut Stages) {
    stages.compute = told(headers, INFERENCE).filter(|time| !time.is_zero());
    // A guest's clock is coarse: what was computed was tokenised, even if that took no time.
    let done = |time: &Duration| stages.compute.is_some() || !time.is_zero();
    stages.tokenise = told(headers, TOKENISATION).filter(done);
    stages.decode = told(headers, TOTAL).zip(stages.compute).map(|(total, compute)| {
        total.saturating_sub(compute).saturating_sub(stages.tokenise.unwrap_or_default())
    });
}

/// A time that a response tells.
fn told(headers: &HeaderMap, name: &str) -> Option<Duration> {
    let milliseconds: f64 = headers.get(name)?.to_str().ok()?.parse().ok()?;
    Duration::try_from_secs_f64(milliseconds / 1e3).ok()
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
