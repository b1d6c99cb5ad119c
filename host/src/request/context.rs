//! What is learned of a request, from its first byte to the last byte of its response.
//!
//! One [`RequestContext`] travels with each request, in its extensions. Layers write into it;
//! metrics, traces, the access log and canaries read it once, when its [`InProgress`] is dropped.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version, header};
use pilotlight_router::Observer;
use pilotlight_telemetry::{
    ErrorKind, Handle, InFlight, RequestOutcome, RequestSpan, RequestTrace, Sampler, Stages,
    request_span,
};
use tracing::{Level, Span};

use super::id::{REQUEST_ID, request_id};
use super::refused_body::RefusedBody;
use crate::telemetry::Telemetry;

/// What is counted for a request whose client has gone before there was a status.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// What is known of a request. Clones share it.
#[derive(Clone)]
pub(crate) struct RequestContext(Arc<Inner>);

struct Inner {
    began: Instant,
    id: HeaderValue,
    trace: RequestTrace,
    method: Method,
    uri: Uri,
    http: Version,
    /// Where the request is counted, exported and logged; nowhere if no client gets its response.
    telemetry: Option<Telemetry>,
    /// The span that it is answered in; none where only the host's own lines are logged.
    span: Span,
    /// Why the host refused its body while somebody read it.
    refused_body: OnceLock<RefusedBody>,
    learned: Mutex<Learned>,
}

#[derive(Default)]
struct Learned {
    stages: Stages,
    status: Option<StatusCode>,
    kind: Option<ErrorKind>,
    /// How long the head of the response took.
    took: Option<Duration>,
    body_taken: bool,
    canary: Option<Observer>,
    /// Bytes of the response that have not gone out yet, where their number is known.
    left: Option<u64>,
    route: Option<String>,
    version: Option<(Handle, InFlight)>,
    /// `FUNCTION@VERSION`, once it is known which version answers.
    label: Option<HeaderValue>,
}

/// A request that is being answered. When it is dropped, with the end of the response or because the
/// client has gone, the request is counted, exported and logged.
pub(crate) struct InProgress(RequestContext);

impl RequestContext {
    /// Begins with the head of a request that has just come.
    pub(crate) fn begin(telemetry: &Telemetry, head: &Parts) -> InProgress {
        let trace = RequestTrace::begin(&head.headers, telemetry.sampler());
        InProgress(Self::new(head, trace, Some(telemetry.clone())))
    }

    /// A request whose response no client gets: it is not counted.
    pub(crate) fn uncounted(head: &Parts) -> Self {
        Self::new(head, RequestTrace::begin(&head.headers, Sampler::NEVER), None)
    }

    fn new(head: &Parts, trace: RequestTrace, telemetry: Option<Telemetry>) -> Self {
        let id = request_id(&head.headers);
        // Above level debug only the host logs anything about a request, in a span of its own.
        let spans = telemetry.as_ref().is_some_and(Telemetry::has_spans);
        let span = match spans && tracing::enabled!(Level::DEBUG) {
            true => request_span(&trace, id.to_str().unwrap_or_default()),
            false => Span::none(),
        };
        Self(Arc::new(Inner {
            began: Instant::now(),
            id,
            trace,
            method: head.method.clone(),
            uri: head.uri.clone(),
            http: head.version,
            telemetry,
            span,
            refused_body: OnceLock::new(),
            learned: Mutex::default(),
        }))
    }

    /// The context of a request; one that is not counted where no layer has begun one.
    pub(crate) fn of(head: &Parts) -> Self {
        let begun = head.extensions.get::<Self>().cloned();
        begun.unwrap_or_else(|| Self::uncounted(head))
    }

    pub(crate) fn id(&self) -> &HeaderValue {
        &self.0.id
    }

    /// The path that was asked for, as it was sent.
    pub(crate) fn path(&self) -> &str {
        self.0.uri.path()
    }

    pub(crate) fn http_version(&self) -> Version {
        self.0.http
    }

    /// The span that everything is to be done in.
    pub(crate) fn span(&self) -> Span {
        self.0.span.clone()
    }

    /// Runs `work`; what is logged meanwhile names the request.
    pub(crate) fn within(&self, work: impl FnOnce()) {
        if self.0.span.is_none() {
            let span = request_span(&self.0.trace, self.0.id.to_str().unwrap_or_default());
            record_version(&span, self.learned().label.as_ref());
            span.in_scope(work);
        } else {
            self.0.span.in_scope(work);
        }
    }

    /// A route is for it; the route's name is asked for if it is exported.
    pub(crate) fn routed(&self, name: impl FnOnce() -> String) {
        let exported = |telemetry: &Telemetry| telemetry.exports(&self.0.trace);
        if self.0.telemetry.as_ref().is_some_and(exported) {
            self.learned().route = Some(name());
        }
    }

    /// It is one of those by which a canary is judged, if there is one.
    pub(crate) fn observed_by(&self, canary: Option<&Observer>) {
        self.learned().canary = canary.cloned();
    }

    /// The version called `label` answers, and counts with `handle`.
    pub(crate) fn assigned_to(&self, handle: &Handle, label: &HeaderValue) {
        record_version(&self.0.span, Some(label));
        let counted = self.0.telemetry.is_some().then(|| (handle.clone(), handle.enter()));
        let mut learned = self.learned();
        learned.label = Some(label.clone());
        learned.version = counted;
    }

    /// Names the request and its trace to the version that answers.
    pub(crate) fn forward(&self, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID, self.0.id.clone());
        self.0.trace.inject(headers);
    }

    /// Where time went.
    pub(crate) fn spent(&self, stages: Stages) {
        self.learned().stages = stages;
    }

    /// No instance became free for it: all of its time was spent in queues.
    pub(crate) fn only_waited(&self) {
        self.learned().stages.queue = Some(self.0.began.elapsed());
    }

    /// Something went wrong; what went wrong first counts.
    pub(crate) fn failed(&self, kind: ErrorKind) {
        self.learned().kind.get_or_insert(kind);
    }

    /// Its texts pass without a check, because the version that it was assigned to failed.
    pub(crate) fn passed_unchecked(&self) {
        if let Some((handle, _)) = &self.learned().version {
            handle.record_unchecked();
        }
    }

    /// The host refuses the request, whatever went wrong because of that.
    pub(crate) fn refused(&self, kind: ErrorKind) {
        self.learned().kind = Some(kind);
    }

    /// Its body was received, or goes to whoever reads it.
    pub(crate) fn take_body(&self) {
        self.learned().body_taken = true;
    }

    pub(crate) fn body_was_taken(&self) -> bool {
        self.learned().body_taken
    }

    /// The host refuses its body while somebody reads it; the first refusal counts.
    pub(crate) fn refuse_body(&self, refused: impl FnOnce() -> RefusedBody) {
        self.0.refused_body.get_or_init(refused);
    }

    /// Why its body was refused, if it was.
    pub(crate) fn refused_body(&self) -> Option<&RefusedBody> {
        self.0.refused_body.get()
    }

    /// The head of the response goes out.
    pub(crate) fn answered(&self, status: StatusCode, headers: &HeaderMap) {
        let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        // RFC 9110, 9.3.2: whatever would be the content does not go out.
        let is_head = self.0.telemetry.is_some() && self.0.method == Method::HEAD;
        let left = if is_head { Some(0) } else { length.and_then(|length| length.parse().ok()) };
        let mut learned = self.learned();
        (learned.status, learned.took) = (Some(status), Some(self.0.began.elapsed()));
        learned.left = left;
    }

    /// So much of the content goes out.
    pub(crate) fn sent(&self, bytes: usize) {
        let mut learned = self.learned();
        learned.left = learned.left.map(|left| left.saturating_sub(bytes as u64));
    }

    /// Whether all of the content has gone out that was promised.
    pub(crate) fn is_over(&self) -> bool {
        self.learned().left == Some(0)
    }

    fn learned(&self) -> MutexGuard<'_, Learned> {
        self.0.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InProgress {
    /// What its layers write into.
    pub(crate) fn context(&self) -> &RequestContext {
        &self.0
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        let learned = std::mem::take(&mut *self.0.learned());
        self.0.0.finish(learned);
    }
}

impl Inner {
    fn finish(&self, learned: Learned) {
        if let Some(canary) = &learned.canary {
            // A client that nobody answered in time has gone: it waited at least so long.
            let took = learned.took.unwrap_or_else(|| self.began.elapsed());
            let refused = learned.status.is_some_and(|status| status.is_server_error());
            canary.observe(took, refused || learned.kind == Some(ErrorKind::HalfResponse));
        }
        let Some(telemetry) = &self.telemetry else { return };
        let observation = self.observation(&learned);
        match &learned.version {
            Some((handle, _)) => handle.record(&observation),
            None => telemetry.metrics().unrouted().record(&observation),
        }
        let label = learned.label.as_ref();
        telemetry.export(&self.trace, || self.export(label, learned.route.clone(), observation));
        if tracing::enabled!(Level::DEBUG) {
            self.log(label, &observation);
        }
    }

    fn observation(&self, learned: &Learned) -> RequestOutcome {
        let gone = || StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or_default();
        let disconnected = learned.status.is_none().then_some(ErrorKind::Disconnected);
        RequestOutcome {
            status: learned.status.unwrap_or_else(gone),
            kind: learned.kind.or(disconnected),
            stages: learned.stages,
            total: self.began.elapsed(),
        }
    }

    fn export(
        &self,
        label: Option<&HeaderValue>,
        route: Option<String>,
        observation: RequestOutcome,
    ) -> RequestSpan {
        let label = label.and_then(split);
        RequestSpan {
            began: SystemTime::now() - observation.total,
            method: self.method.clone(),
            scheme: if self.uri.scheme_str() == Some("https") { "https" } else { "http" },
            path: self.uri.path().to_owned(),
            route,
            function: label.map(|(function, _)| function.to_owned()),
            version: label.map(|(_, version)| version.to_owned()),
            observation,
        }
    }

    /// The line of the access log. The query may be a part of what was asked.
    fn log(&self, label: Option<&HeaderValue>, observation: &RequestOutcome) {
        let RequestOutcome { status, kind, total, .. } = observation;
        let (method, path, status) = (self.method.as_str(), self.uri.path(), status.as_u16());
        let (error, total_us) = (kind.map(ErrorKind::name), total.as_micros() as u64);
        let line = || tracing::debug!(method, path, status, error, total_us, "answered");
        if self.span.is_none() {
            let span = request_span(&self.trace, self.id.to_str().unwrap_or_default());
            record_version(&span, label);
            span.in_scope(line);
        } else {
            self.span.in_scope(line);
        }
    }
}

fn record_version(span: &Span, label: Option<&HeaderValue>) {
    if let Some((function, version)) = label.and_then(split) {
        span.record("function", function).record("version", version);
    }
}

/// Names of functions have no `@`.
fn split(label: &HeaderValue) -> Option<(&str, &str)> {
    label.to_str().ok()?.split_once('@')
}
