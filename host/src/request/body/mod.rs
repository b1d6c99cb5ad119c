//! The body of a response, in three parts: [`content`] is what drives an instance, [`copy`] is what is mirrored,
//! [`end`] is what counts. Used by everything that answers requests.

mod content;
mod copy;
mod end;
mod own;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::Full;
use pilotlight_sandbox::{BodyError, InstanceBody};
use tokio::sync::{mpsc, oneshot};

use content::Content;
use copy::BodyCopy;
use end::End;

use super::context::InProgress;
use super::session::SessionAnswer;

/// The body of a response. Polling it runs the instance that writes it; dropping it ends that
/// instance.
pub struct Body {
    content: Content,
    copy: BodyCopy,
    end: End,
}

impl Body {
    fn new(content: Content) -> Self {
        Self { content, copy: BodyCopy::NONE, end: End::default() }
    }

    /// A body that is in memory.
    pub(crate) fn full(bytes: Vec<u8>) -> Self {
        Self::new(Content::Full(Full::new(Bytes::from(bytes))))
    }

    /// The data that `receiver` receives, until the sender is dropped.
    pub(crate) fn received(receiver: mpsc::Receiver<Bytes>) -> Self {
        Self::new(Content::Received(receiver))
    }

    /// The body of a response to a gRPC call.
    #[cfg(feature = "grpc")]
    pub(crate) fn grpc(body: tonic::body::Body) -> Self {
        Self::new(Content::Grpc(body))
    }

    /// Sends a copy of the content to `to` once a client has read all of it, unless it is longer than
    /// `limit` bytes or breaks off. `length` is the value of `content-length`.
    pub(crate) fn copied_to(
        mut self,
        to: oneshot::Sender<Bytes>,
        limit: usize,
        length: Option<u64>,
    ) -> Self {
        self.copy = BodyCopy::new(to, limit, length);
        if self.is_whole() {
            self.copy.finish();
        }
        self
    }

    /// Calls `over` once the content has ended, or its instance has failed before the end.
    pub(crate) fn when_over(
        mut self,
        over: impl FnOnce(Result<(), &wasmtime::Error>) + Send + 'static,
    ) -> Self {
        self.end.tell(over);
        self
    }

    /// Ends `request` with the body.
    pub(crate) fn ending(mut self, request: InProgress) -> Self {
        if request.context().is_over() {
            // The server asks for no more content.
            self.end.complete();
        } else if !self.is_whole() {
            self.end.end_with(request);
        }
        self
    }

    /// Whether all content has been read.
    fn is_whole(&self) -> bool {
        self.content.is_end_stream()
    }

    fn passed(&mut self, frame: &Frame<Bytes>) {
        let data = frame.data_ref();
        if let Some(data) = data {
            self.copy.keep(data);
        }
        self.end.sent(data.map_or(0, Bytes::len));
        if self.is_whole() {
            self.finish();
        }
    }

    fn finish(&mut self) {
        self.copy.finish();
        self.end.complete();
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
    /// Without content.
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
        let span = self.end.span();
        let _within = span.enter();
        let polled = Pin::new(&mut self.content).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => self.passed(frame),
            Poll::Ready(Some(Err(error))) => self.end.broken(error.reason()),
            Poll::Ready(None) => self.finish(),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.is_whole()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let is_whole = self.is_whole();
        self.end.dropped(is_whole);
    }
}
