//! `POST /v1/redact/stream` and `POST /v1/reidentify/stream`: texts are changed while they pass.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::BodyExt as _;
use pilotlight_deidentify::{Deidentifier, StreamReidentifier};
use pilotlight_recognizers::Segments;
use pilotlight_streams::{Failure, Form, Rewrite, Stream, StreamError};
use pilotlight_telemetry::ErrorKind;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use wasmtime_wasi_http::WasiBody;

use super::WatchedKeyring;
use super::error::DeidentificationError;
use super::redact::{RedactRequest, ask};
use crate::deploy::{Declared, SessionPlace};
use crate::request::{Body, REQUEST_ID, RequestContext, SessionLimits};

/// The paths of streams.
pub(super) const REDACT: &str = "/v1/redact/stream";
pub(super) const REIDENTIFY: &str = "/v1/reidentify/stream";

const TEXT: &str = "text/plain";
const UTF_8: &str = "text/plain; charset=utf-8";
const EVENTS: &str = "text/event-stream";
/// Chunks between the text that is changed and the client that reads it.
const CHUNKS: usize = 4;

/// Answers a request of the host's to the function.
pub(crate) type Asked = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;
pub(crate) type Ask = Box<dyn Fn(Request<WasiBody>) -> Asked + Send>;

/// A stream that is to be changed.
pub(crate) struct Streamed {
    pub(super) body: WasiBody,
    pub(super) form: Form,
    pub(super) limits: SessionLimits,
    pub(super) place: SessionPlace,
    pub(super) change: Change,
}

/// What is done to its texts.
pub(super) enum Change {
    Redact(Box<Redaction>),
    Reidentify(Arc<WatchedKeyring>),
}

/// De-identification of segments, each of which the function is asked about.
pub(super) struct Redaction {
    pub(super) head: Parts,
    pub(super) deidentify: Deidentifier,
    pub(super) declared: Option<Arc<Declared>>,
}

/// What a request for a stream reads and gets.
///
/// # Errors
/// [`DeidentificationError`] for another method, media type or character set.
pub(super) fn form(head: &Parts) -> Result<Form, DeidentificationError> {
    if head.method == Method::OPTIONS {
        return Err(DeidentificationError::Options("POST"));
    }
    if head.method != Method::POST {
        return Err(DeidentificationError::Method("POST"));
    }
    let value = |name| head.headers.get(name).map(HeaderValue::to_str);
    let text = |name| match value(name) {
        None => Ok(""),
        Some(text) => text.map_err(|_| DeidentificationError::StreamMediaType),
    };
    let content_type = text(header::CONTENT_TYPE)?;
    if is(content_type, EVENTS) {
        return Ok(Form::Events);
    }
    let charset = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then_some(value.trim().trim_matches('"'))
    });
    let is_utf_8 = charset.is_none_or(|charset| {
        ["utf-8", "utf8", "us-ascii"].iter().any(|known| known.eq_ignore_ascii_case(charset))
    });
    if !(content_type.is_empty() || is(content_type, TEXT)) || !is_utf_8 {
        return Err(DeidentificationError::StreamMediaType);
    }
    let wants_events = text(header::ACCEPT)?.split(',').any(|range| is(range, EVENTS));
    Ok(if wants_events { Form::TextToEvents } else { Form::Text })
}

fn is(media_type: &str, essence: &str) -> bool {
    media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(essence)
}

/// What stands for a redacted value, of the query.
///
/// # Errors
/// [`DeidentificationError::Query`] for other keys.
pub(super) fn placeholder(head: &Parts) -> Result<Option<String>, DeidentificationError> {
    let mut placeholder = None;
    let query = head.uri.query().unwrap_or_default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if decoded(key) != "placeholder" {
            return Err(DeidentificationError::Query);
        }
        placeholder = Some(decoded(value));
    }
    Ok(placeholder)
}

fn decoded(part: &str) -> String {
    let part = part.replace('+', " ");
    percent_encoding::percent_decode_str(&part).decode_utf8_lossy().into_owned()
}

impl Streamed {
    /// The answer, which is written while the body is read. `ask` asks the function.
    pub(crate) fn answer(self, ask: Ask, context: &RequestContext) -> Response<Body> {
        let content_type = if self.form == Form::Text { UTF_8 } else { EVENTS };
        let (sender, receiver) = mpsc::channel(CHUNKS);
        let context_of_task = context.clone();
        let id = context.id().clone();
        tokio::spawn(async move {
            let _place = self.place;
            let input = Input::new(self.body, self.limits);
            match self.change {
                Change::Redact(redaction) => {
                    let redactor = Redactor { redaction, ask };
                    pass::<Redactor>(
                        Stream::new(self.form),
                        redactor,
                        input,
                        &sender,
                        &context_of_task,
                    )
                    .await;
                }
                Change::Reidentify(keyring) => {
                    pass::<Reidentifier>(
                        Stream::new(self.form),
                        Reidentifier(keyring),
                        input,
                        &sender,
                        &context_of_task,
                    )
                    .await;
                }
            }
        });
        let mut response = Response::new(Body::received(receiver));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(REQUEST_ID, id);
        response
    }
}

/// The body of a request, within the limits of sessions.
struct Input {
    body: WasiBody,
    idle: Duration,
    end: Instant,
}

impl Input {
    fn new(body: WasiBody, limits: SessionLimits) -> Self {
        Self { body, idle: limits.idle, end: Instant::now() + limits.length }
    }

    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, DeidentificationError> {
        let broken = |reason: &str| DeidentificationError::Malformed(reason.to_owned());
        loop {
            let frame = timeout_at(self.end, timeout(self.idle, self.body.frame())).await;
            let frame = frame.map_err(|_| broken("the session exceeded its maximum length"))?;
            let frame = frame.map_err(|_| broken("the session exceeded its idle timeout"))?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|_| broken("the body is incomplete"))?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
    }
}

/// What goes through the hands of blocking threads and comes back.
struct Work<R: Rewrite> {
    stream: Stream<R::Text>,
    rewriter: R,
}

/// Changes a stream until it or its reader ends.
async fn pass<R>(
    stream: Stream<R::Text>,
    rewriter: R,
    mut input: Input,
    sender: &mpsc::Sender<Bytes>,
    context: &RequestContext,
) where
    R: Rewrite<Error = DeidentificationError> + Send + 'static,
    R::Text: Send + 'static,
{
    let mut work = Work { stream, rewriter };
    loop {
        let next = tokio::select! {
            next = input.next() => next,
            () = sender.closed() => return,
        };
        let (is_last, (back, out, result)) = match next {
            Ok(Some(bytes)) => (false, work.push(Some(bytes)).await),
            Ok(None) => (true, work.push(None).await),
            Err(error) => (true, (Some(work), Vec::new(), Err(StreamError::Rewrite(error)))),
        };
        let mut out = out;
        if let Err(error) = &result {
            let (error_type, message) = told(error);
            context.failed(ErrorKind::HalfResponse);
            if let StreamError::Rewrite(DeidentificationError::Unusable(reason)) = error {
                context.within(|| tracing::error!(reason, "the stream is not de-identified"));
            }
            if let Some(work) = &back {
                work.stream.fail(Failure { error_type, message: &message }, &mut out);
            }
        }
        if !out.is_empty() && sender.send(out.into()).await.is_err() {
            return;
        }
        match back {
            Some(back) if result.is_ok() && !is_last => work = back,
            _ => return,
        }
    }
}

type Outcome<R> = (Option<Work<R>>, Vec<u8>, Result<(), StreamError<DeidentificationError>>);

impl<R> Work<R>
where
    R: Rewrite<Error = DeidentificationError> + Send + 'static,
    R::Text: Send + 'static,
{
    /// Takes bytes, or the end, on a thread that may wait for the function.
    async fn push(mut self, bytes: Option<Bytes>) -> Outcome<R> {
        let done = tokio::task::spawn_blocking(move || {
            let mut out = Vec::new();
            let Self { stream, rewriter } = &mut self;
            let result = match bytes {
                Some(bytes) => stream.push(&bytes, rewriter, &mut out),
                None => stream.finish(rewriter, &mut out),
            };
            (Some(self), out, result)
        });
        done.await.unwrap_or_else(|_| {
            let reason = "the task that changes the stream broke off".to_owned();
            let error = StreamError::Rewrite(DeidentificationError::Unusable(reason));
            (None, Vec::new(), Err(error))
        })
    }
}

fn told(error: &StreamError<DeidentificationError>) -> (&'static str, String) {
    let error_type = match error {
        StreamError::Rewrite(error) => error.error_type(),
        StreamError::TooLong { .. } => "too_long",
        StreamError::Encoding(_) | StreamError::Event { .. } => "malformed",
    };
    (error_type, error.to_string())
}

/// De-identifies segments.
struct Redactor {
    redaction: Box<Redaction>,
    ask: Ask,
}

impl Redactor {
    fn redact(&self, segments: Vec<String>) -> Result<String, DeidentificationError> {
        segments.into_iter().map(|text| self.redact_one(text)).collect()
    }

    fn redact_one(&self, text: String) -> Result<String, DeidentificationError> {
        let Redaction { head, deidentify, declared } = &*self.redaction;
        let mut head = head.clone();
        head.uri = Uri::from_static("/v1/redact");
        // The stream is counted; what the function is asked for it is not.
        let uncounted = RequestContext::uncounted(&head);
        head.extensions.insert(uncounted);
        let request = RedactRequest::of(text);
        let (request, kept) = ask(head, request, (deidentify.clone(), declared.clone()))?;
        Handle::current().block_on(async {
            let (head, body) = (self.ask)(request).await.into_parts();
            kept.text(head.status, body).await
        })
    }
}

impl Rewrite for Redactor {
    type Text = Segments;
    type Error = DeidentificationError;

    fn push(&mut self, text: &mut Segments, chunk: &str) -> Result<String, DeidentificationError> {
        self.redact(text.push(chunk))
    }

    fn finish(&mut self, text: Segments) -> Result<String, DeidentificationError> {
        self.redact(text.finish())
    }
}

/// Puts values back.
struct Reidentifier(Arc<WatchedKeyring>);

impl Rewrite for Reidentifier {
    type Text = StreamReidentifier;
    type Error = DeidentificationError;

    fn push(
        &mut self,
        text: &mut StreamReidentifier,
        chunk: &str,
    ) -> Result<String, DeidentificationError> {
        Ok(text.push(chunk, &self.0.0.get()))
    }

    fn finish(&mut self, text: StreamReidentifier) -> Result<String, DeidentificationError> {
        Ok(text.finish(&self.0.0.get()))
    }
}
