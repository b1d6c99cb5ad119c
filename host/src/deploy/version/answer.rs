//! A request's way through a version.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use pilotlight_router::VERSION_HEADER;
use pilotlight_sandbox::{DeadlinePassed, Timings, guest_error};
use tokio::time::{Instant, timeout_at};
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use super::Version;
use super::failure::{Failure, FailureKind, Failures, is_crash};
use super::timings;
use crate::request::{Body, REQUEST_ID, RefusedBody, RequestContext, Session};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const SERVER_TIMING: &str = "server-timing";

impl Version {
    /// Answers one request, in an instance of its own.
    pub(crate) async fn answer(
        &self,
        request: Request<WasiBody>,
        context: &RequestContext,
    ) -> Response<Body> {
        context.assigned_to(&self.handle, &self.label);
        let left = Left::unless_done(&self.failures);
        let answered = self.run(request, context).await;
        left.done();
        let mut response = match answered {
            Ok(response) => self.watched(response, context),
            Err(failure) => {
                self.note(&failure, context);
                let mut response = failure.response();
                response.headers_mut().insert(REQUEST_ID, context.id().clone());
                response
            }
        };
        response.headers_mut().insert(VERSION_HEADER, self.label.clone());
        response
    }

    async fn run(
        &self,
        request: Request<WasiBody>,
        context: &RequestContext,
    ) -> Result<Response<Body>, Failure> {
        if self.begins_session(request.method(), request.uri().path()) {
            return self.run_session(request, context).await;
        }
        let arrival = Instant::now();
        let deadline = arrival + self.request_timeout;
        let mut request = within(self.body_limit, request, context)?;
        context.forward(request.headers_mut());
        let patience = self.admission.patience(arrival);
        let place = self.admission.enter(&self.crash_backoff).await?;
        let waited = arrival.elapsed();
        let called = self.pool.call(request, patience, deadline).await;
        drop(place);
        let (response, timings) = called?;
        Ok(self.timed(response.map(Body::from), (&timings, waited), context))
    }

    /// Begins a session, whose answer goes on for as long as the request does.
    async fn run_session(
        &self,
        mut request: Request<WasiBody>,
        context: &RequestContext,
    ) -> Result<Response<Body>, Failure> {
        let session_place = self.sessions.begin()?;
        context.take_body();
        let arrival = Instant::now();
        context.forward(request.headers_mut());
        let patience = self.admission.patience(arrival);
        let place = self.admission.enter(&self.crash_backoff).await?;
        let waited = arrival.elapsed();
        let limits = self.session_limits;
        let (head, body) = request.into_parts();
        let (session, body) = Session::begin(body, limits);
        // What ends a session by its limits gives the function time to say so.
        let deadline = arrival + limits.length + self.request_timeout;
        let called = self.pool.call_session(Request::from_parts(head, body), patience, deadline);
        let called = timeout_at(arrival + self.request_timeout, called).await;
        drop(place);
        let (response, timings) = called.map_err(|_| {
            Failure::Broken(wasmtime::Error::from(DeadlinePassed { at_work: false }))
        })??;
        let response = response.map(|body| Body::from(session.answer(body, session_place)));
        Ok(self.timed(response, (&timings, waited), context))
    }

    /// The response, once it is known where its time went.
    fn timed(
        &self,
        mut response: Response<Body>,
        (timings, waited): (&Timings, Duration),
        context: &RequestContext,
    ) -> Response<Body> {
        let mut stages = timings::stages(timings, waited);
        if self.declared.is_some() {
            timings::of_guest(response.headers(), &mut stages);
        }
        context.spent(stages);
        if self.server_timing {
            response.headers_mut().insert(SERVER_TIMING, timings::server_timing(timings));
        }
        response
    }

    /// Counts a failure, and logs what clients are not told.
    fn note(&self, failure: &Failure, context: &RequestContext) {
        let kind = failure.kind();
        self.failures.count(kind);
        context.failed(kind.into());
        if kind.is_of_the_queue() {
            context.only_waited();
        }
        context.within(|| {
            if kind.is_refusal() {
                // Counted: under overload a line for each would only add to it.
                tracing::debug!(?kind, %failure, "not admitted");
                return;
            }
            if failure.is_crash() {
                self.crash_backoff.failed();
            }
            tracing::error!(?kind, %failure, "no answer");
        });
    }

    /// The response, whose body tells how it ends.
    fn watched(&self, response: Response<Body>, context: &RequestContext) -> Response<Body> {
        if response.body().is_end_stream() {
            self.crash_backoff.succeeded();
            return response;
        }
        let (failures, crash_backoff) =
            (Arc::clone(&self.failures), Arc::clone(&self.crash_backoff));
        let context = context.clone();
        response.map(|body| {
            body.when_over(move |end| {
                let Err(error) = end else { return crash_backoff.succeeded() };
                failures.count(FailureKind::HalfResponse);
                context.within(|| {
                    if is_crash(error) {
                        crash_backoff.failed();
                    }
                    tracing::error!(error = guest_error::told(error), "the response was aborted");
                });
            })
        })
    }
}

/// Refuses a body that says it is longer than `limit`, and breaks off one that turns out to be.
fn within(
    limit: usize,
    request: Request<WasiBody>,
    context: &RequestContext,
) -> Result<Request<WasiBody>, Failure> {
    let hint = request.body().size_hint();
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    if hint.lower() > most {
        return Err(Failure::BodyTooLong { limit });
    }
    if hint.upper().is_some_and(|upper| upper <= most) {
        return Ok(request);
    }
    let context = context.clone();
    let failed = move |error: BoxError| match error.downcast::<HttpError>() {
        Ok(error) => *error,
        Err(error) if error.is::<LengthLimitError>() => {
            let told = || format!("the body exceeds {limit} bytes; send less at once");
            context.refuse_body(|| RefusedBody::too_large(told()));
            HttpError::HttpRequestBodySize(None)
        }
        Err(error) => HttpError::InternalError(Some(error.to_string())),
    };
    Ok(request.map(|body| Limited::new(body, limit).map_err(failed).boxed_unsync()))
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
