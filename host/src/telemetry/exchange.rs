//! A request and its answer, from the first to the last that is known of them.

use std::time::{Duration, Instant, SystemTime};

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use pilotlight_router::Observer;
use pilotlight_telemetry::{
    ErrorKind, Handle, InFlight, Observation, RequestSpan, RequestTrace, Sampler, Stages,
    request_span,
};
use tracing::{Level, Span};

use super::Telemetry;
use crate::request_id::{REQUEST_ID, request_id};

/// What is counted for a request whose client has gone before there was a status.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// A request that is being answered. It is dropped with the last of its answer, or when nobody is
/// left who waits for that; then it is counted, exported and logged.
pub(crate) struct Exchange {
    /// Where time went, as far as it is known.
    pub(crate) stages: Stages,
    began: Instant,
    caption: Caption,
    /// None: nobody is to know.
    told: Option<Told>,
    status: Option<StatusCode>,
    kind: Option<ErrorKind>,
    /// How long the head of the answer took.
    took: Option<Duration>,
    canary: Option<Observer>,
    /// Bytes of the answer that have not gone out yet, where their number is known.
    left: Option<u64>,
}

/// What there is to tell of a request, besides how it went.
struct Told {
    telemetry: Telemetry,
    method: Method,
    uri: Uri,
    route: Option<String>,
    version: Option<(Handle, InFlight)>,
}

/// What the log calls a request.
#[derive(Clone)]
pub(crate) struct Caption {
    id: HeaderValue,
    trace: RequestTrace,
    /// `FUNCTION@VERSION`, once it is known who answers.
    label: Option<HeaderValue>,
    /// The span that it is answered in; none where nothing but the host's own lines is logged.
    span: Span,
}

impl Exchange {
    /// Begins with the head of a request that has just come.
    pub(crate) fn begin(telemetry: &Telemetry, head: &Parts) -> Self {
        let told = Told {
            telemetry: telemetry.clone(),
            method: head.method.clone(),
            uri: head.uri.clone(),
            route: None,
            version: None,
        };
        let mut caption = Caption::new(&head.headers, telemetry.sampler());
        // Above level debug only the host logs anything about a request, in a span of its own.
        if telemetry.spans && tracing::enabled!(Level::DEBUG) {
            caption.span = caption.new_span();
        }
        Self::of(caption, Some(told))
    }

    /// A request whose answer no client gets: it is not counted.
    pub(crate) fn aside(headers: &HeaderMap) -> Self {
        Self::of(Caption::new(headers, Sampler::NEVER), None)
    }

    fn of(caption: Caption, told: Option<Told>) -> Self {
        let (began, stages) = (Instant::now(), Stages::default());
        let (status, kind, took, canary, left) = (None, None, None, None, None);
        Self { stages, began, caption, told, status, kind, took, canary, left }
    }

    pub(crate) fn caption(&self) -> &Caption {
        &self.caption
    }

    /// The span that everything is to be done in.
    pub(crate) fn span(&self) -> Span {
        self.caption.span.clone()
    }

    /// A route is for it; its name is asked for if somebody is told of it.
    pub(crate) fn routed(&mut self, name: impl FnOnce() -> String) {
        if let Some(told) = self.told.as_mut()
            && told.telemetry.exports(&self.caption.trace)
        {
            told.route = Some(name());
        }
    }

    /// It is one of those by which a canary is judged, if there is one.
    pub(crate) fn counts_for(&mut self, canary: Option<&Observer>) {
        self.canary = canary.cloned();
    }

    /// The version that is called `label` answers, and counts with `handle`.
    pub(crate) fn comes_to(&mut self, handle: &Handle, label: &HeaderValue) {
        self.caption.come_to(label);
        if let Some(told) = &mut self.told {
            told.version = Some((handle.clone(), handle.enter()));
        }
    }

    /// Names the request and its trace to the version that answers.
    pub(crate) fn forward(&self, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID, self.caption.id.clone());
        self.caption.trace.inject(headers);
    }

    /// No instance became free for it: all of its time was spent in queues.
    pub(crate) fn has_only_waited(&mut self) {
        self.stages.queue = Some(self.began.elapsed());
    }

    /// Something went wrong; what went wrong first counts.
    pub(crate) fn failed(&mut self, kind: ErrorKind) {
        self.kind.get_or_insert(kind);
    }

    /// The host refuses the request, whatever went wrong because of that.
    pub(crate) fn refused(&mut self, kind: ErrorKind) {
        self.kind = Some(kind);
    }

    /// The head of the answer goes out.
    pub(crate) fn answered(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.status = Some(status);
        self.took = Some(self.began.elapsed());
        let head = self.told.as_ref().is_some_and(|told| told.method == Method::HEAD);
        let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        // RFC 9110, 9.3.2: whatever would be the content does not go out.
        self.left = if head { Some(0) } else { length.and_then(|length| length.parse().ok()) };
    }

    /// So much of the content goes out.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.left = self.left.map(|left| left.saturating_sub(bytes as u64));
    }

    /// Whether all of the content has gone out that was promised.
    pub(crate) fn is_over(&self) -> bool {
        self.left == Some(0)
    }

    fn observation(&self) -> Observation {
        let gone = || StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or_default();
        let disconnected = self.status.is_none().then_some(ErrorKind::Disconnected);
        Observation {
            status: self.status.unwrap_or_else(gone),
            kind: self.kind.or(disconnected),
            stages: self.stages,
            total: self.began.elapsed(),
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(canary) = &self.canary {
            // Whom nobody answered in time has gone: he waited at least so long.
            let took = self.took.unwrap_or_else(|| self.began.elapsed());
            let refused = self.status.is_some_and(|status| status.is_server_error());
            canary.observe(took, refused || self.kind == Some(ErrorKind::HalfResponse));
        }
        let Some(told) = &self.told else { return };
        let observation = self.observation();
        match &told.version {
            Some((handle, _)) => handle.record(&observation),
            None => told.telemetry.metrics.unrouted().record(&observation),
        }
        let Caption { trace, label, .. } = &self.caption;
        told.telemetry.export(trace, || told.span(label.as_ref(), observation));
        if tracing::enabled!(Level::DEBUG) {
            self.caption.within(|| told.log(&observation));
        }
    }
}

impl Told {
    fn span(&self, label: Option<&HeaderValue>, observation: Observation) -> RequestSpan {
        let label = label.and_then(split);
        RequestSpan {
            began: SystemTime::now() - observation.total,
            method: self.method.clone(),
            scheme: if self.uri.scheme_str() == Some("https") { "https" } else { "http" },
            path: self.uri.path().to_owned(),
            route: self.route.clone(),
            function: label.map(|(function, _)| function.to_owned()),
            version: label.map(|(_, version)| version.to_owned()),
            observation,
        }
    }

    /// The line of the access log. The query may be a part of what was asked.
    fn log(&self, observation: &Observation) {
        let Observation { status, kind, total, .. } = observation;
        let (method, path, status) = (self.method.as_str(), self.uri.path(), status.as_u16());
        let (error, total_us) = (kind.map(ErrorKind::name), total.as_micros() as u64);
        tracing::debug!(method, path, status, error, total_us, "answered");
    }
}

impl Caption {
    fn new(headers: &HeaderMap, sampler: Sampler) -> Self {
        let trace = RequestTrace::begin(headers, sampler);
        Self { id: request_id(headers), trace, label: None, span: Span::none() }
    }

    pub(crate) fn id(&self) -> &HeaderValue {
        &self.id
    }

    /// Runs `work`; what is logged meanwhile names the request.
    pub(crate) fn within(&self, work: impl FnOnce()) {
        if self.span.is_none() {
            self.new_span().in_scope(work);
        } else {
            self.span.in_scope(work);
        }
    }

    fn come_to(&mut self, label: &HeaderValue) {
        self.label = Some(label.clone());
        self.name_version(&self.span);
    }

    fn new_span(&self) -> Span {
        let span = request_span(&self.trace, self.id.to_str().unwrap_or_default());
        self.name_version(&span);
        span
    }

    fn name_version(&self, span: &Span) {
        if let Some((function, version)) = self.label.as_ref().and_then(split) {
            span.record("function", function).record("version", version);
        }
    }
}

/// Names of functions have no `@`.
fn split(label: &HeaderValue) -> Option<(&str, &str)> {
    label.to_str().ok()?.split_once('@')
}
