use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Response, StatusCode, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::Full;
use pilotlight_sandbox::{BodyError, InstanceBody};
use pilotlight_telemetry::ErrorKind;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tracing::Span;

use super::context::InProgress;
use super::dialect::Refused;
use super::session::SessionAnswer;

/// The body of a response. Polling it runs the instance that writes it; dropping it ends that
/// instance.
pub struct Body {
    content: Content,
    copy: Option<Copy>,
    over: Option<WhenOver>,
    /// Ends with the response.
    request: Option<InProgress>,
}

enum Content {
    Full(Full<Bytes>),
    Instance(InstanceBody),
    Session(SessionAnswer),
    /// What a task of the host writes.
    Received(mpsc::Receiver<Bytes>),
    /// With trailers.
    #[cfg(feature = "grpc")]
    Grpc(tonic::body::Body),
}

/// Is told how a body ends; of one that nobody reads to its end that is not known.
type WhenOver = Box<dyn FnOnce(Result<(), &wasmtime::Error>) + Send>;

/// Keeps what passes, and tells it when all has.
struct Copy {
    seen: BytesMut,
    limit: usize,
    /// What `content-length` says. A server does not ask for the end of a body once it has that much.
    length: Option<u64>,
    tell: oneshot::Sender<Bytes>,
}

impl Body {
    fn new(content: Content) -> Self {
        Self { content, copy: None, over: None, request: None }
    }

    pub(crate) fn full(bytes: Vec<u8>) -> Self {
        Self::new(Content::Full(Full::new(Bytes::from(bytes))))
    }

    /// What arrives until the sender is dropped.
    pub(crate) fn received(receiver: mpsc::Receiver<Bytes>) -> Self {
        Self::new(Content::Received(receiver))
    }

    /// The body of a response to a gRPC call.
    #[cfg(feature = "grpc")]
    pub(crate) fn grpc(body: tonic::body::Body) -> Self {
        Self::new(Content::Grpc(body))
    }

    /// The same, which tells what it was once it has been read; nothing if it is longer than
    /// `limit` or breaks off.
    pub(crate) fn copied_to(
        mut self,
        tell: oneshot::Sender<Bytes>,
        limit: usize,
        length: Option<u64>,
    ) -> Self {
        self.copy = Some(Copy { seen: BytesMut::new(), limit, length, tell });
        self.tell_if_whole();
        self
    }

    /// The same, which tells whether it came to its end or its instance broke off within it.
    pub(crate) fn when_over(
        mut self,
        over: impl FnOnce(Result<(), &wasmtime::Error>) + Send + 'static,
    ) -> Self {
        self.over = Some(Box::new(over));
        self
    }

    /// The same, with whose end `request` ends.
    pub(crate) fn ending(mut self, request: InProgress) -> Self {
        if request.context().is_over() {
            // Nobody will ask for what may be left.
            self.tell_end(Ok(()));
        } else if !self.content.is_end_stream() {
            self.request = Some(request);
        }
        self
    }

    fn keep(&mut self, frame: &Frame<Bytes>) {
        let (Some(data), Some(copy)) = (frame.data_ref(), &mut self.copy) else { return };
        copy.seen.extend_from_slice(data);
        if copy.seen.len() > copy.limit {
            self.copy = None;
        }
        self.tell_if_whole();
    }

    fn tell_if_whole(&mut self) {
        let complete =
            |copy: &Copy| copy.length.is_some_and(|length| copy.seen.len() as u64 >= length);
        if self.content.is_end_stream() || self.copy.as_ref().is_some_and(complete) {
            self.tell();
        }
    }

    fn tell(&mut self) {
        if let Some(Copy { seen, tell, .. }) = self.copy.take() {
            // Whoever asked for it may have gone away.
            let _ = tell.send(seen.freeze());
        }
    }

    /// A response of the host's own without content.
    pub(crate) fn empty(status: StatusCode) -> Response<Self> {
        let mut response = Response::new(Self::default());
        *response.status_mut() = status;
        response
    }

    /// A response of the host's own: what went wrong, in JSON. [`super::in_dialect`] puts it in other
    /// words where the path asks for them.
    pub(crate) fn refusal(status: StatusCode, error_type: &str, error: &str) -> Response<Self> {
        let content = serde_json::json!({"error": error, "error_type": error_type});
        let mut response = Self::json(status, &content);
        let refused = Refused { error_type: error_type.to_owned(), error: error.to_owned() };
        response.extensions_mut().insert(refused);
        response
    }

    /// A response of the host's own.
    pub(crate) fn json(status: StatusCode, content: &impl Serialize) -> Response<Self> {
        // Nothing that is answered has keys other than strings.
        let content = serde_json::to_vec(content).unwrap_or_default();
        let mut response = Response::new(Self::full(content));
        *response.status_mut() = status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }

    fn pass(&mut self, frame: &Frame<Bytes>) {
        if let Some(request) = &self.request {
            request.context().sent(frame.data_ref().map_or(0, Bytes::len));
        }
        if self.content.is_end_stream() {
            self.end(None);
        }
    }

    fn tell_end(&mut self, end: Result<(), &wasmtime::Error>) {
        if let Some(over) = self.over.take() {
            over(end);
        }
    }

    fn end(&mut self, failed: Option<ErrorKind>) {
        if failed.is_none() {
            self.tell_end(Ok(()));
        }
        if let Some(request) = self.request.take()
            && let Some(kind) = failed
        {
            request.context().failed(kind);
        }
    }
}

impl Content {
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(full) => full.is_end_stream(),
            Self::Instance(instance) => instance.is_end_stream(),
            Self::Session(session) => session.is_end_stream(),
            Self::Received(_) => false,
            #[cfg(feature = "grpc")]
            Self::Grpc(body) => body.is_end_stream(),
        }
    }
}

impl From<InstanceBody> for Body {
    fn from(content: InstanceBody) -> Self {
        Self::new(Content::Instance(content))
    }
}

impl From<SessionAnswer> for Body {
    fn from(content: SessionAnswer) -> Self {
        Self::new(Content::Session(content))
    }
}

impl Default for Body {
    /// Nothing.
    fn default() -> Self {
        Self::full(Vec::new())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let span =
            self.request.as_ref().map_or_else(Span::none, |request| request.context().span());
        let _within = span.enter();
        let polled = match &mut self.content {
            Content::Full(full) => {
                Pin::new(full).poll_frame(context).map_err(|never| match never {})
            }
            Content::Instance(instance) => Pin::new(instance).poll_frame(context),
            Content::Session(session) => Pin::new(session).poll_frame(context),
            Content::Received(receiver) => receiver
                .poll_recv(context)
                .map(|received| received.map(|data| Ok(Frame::data(data)))),
            #[cfg(feature = "grpc")]
            Content::Grpc(body) => Pin::new(body)
                .poll_frame(context)
                .map_err(|status| BodyError::new(wasmtime::Error::msg(status.to_string()))),
        };
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.keep(frame);
                self.pass(frame);
            }
            Poll::Ready(Some(Err(error))) => {
                self.tell_end(Err(error.reason()));
                self.end(Some(ErrorKind::HalfResponse));
            }
            Poll::Ready(None) => {
                self.tell();
                self.end(None);
            }
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Full(full) => full.size_hint(),
            Content::Instance(instance) => instance.size_hint(),
            Content::Session(session) => session.size_hint(),
            Content::Received(_) => SizeHint::default(),
            #[cfg(feature = "grpc")]
            Content::Grpc(body) => body.size_hint(),
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let whole = self.content.is_end_stream();
        // Whoever has got all that was promised need not ask for the end.
        let over =
            whole || self.request.as_ref().is_some_and(|request| request.context().is_over());
        self.end((!over).then_some(ErrorKind::Disconnected));
    }
}
