//! Counts the bytes of a response, and reports how the response ends.

use pilotlight_telemetry::ErrorKind;
use tracing::Span;

use crate::request::context::InProgress;

/// Called with how a body ended; never called for a body that is dropped before its end.
type WhenOver = Box<dyn FnOnce(Result<(), &wasmtime::Error>) + Send>;

/// Reports the bytes and the end of a response, each end once.
#[derive(Default)]
pub(super) struct End {
    over: Option<WhenOver>,
    /// The request that the response answers; it ends with the response.
    request: Option<InProgress>,
}

impl End {
    /// Calls `over` at the end of the content.
    pub(super) fn tell(
        &mut self,
        over: impl FnOnce(Result<(), &wasmtime::Error>) + Send + 'static,
    ) {
        self.over = Some(Box::new(over));
    }

    /// Ends `request` with the response.
    pub(super) fn end_with(&mut self, request: InProgress) {
        self.request = Some(request);
    }

    /// The span of the request, if there is one.
    pub(super) fn span(&self) -> Span {
        self.request.as_ref().map_or_else(Span::none, |request| request.context().span())
    }

    /// The client gets `bytes` more bytes.
    pub(super) fn sent(&self, bytes: usize) {
        if let Some(request) = &self.request {
            request.context().sent(bytes);
        }
    }

    /// The client has got the whole content.
    pub(super) fn complete(&mut self) {
        self.over(Ok(()));
        self.request = None;
    }

    /// The content broke off.
    pub(super) fn broken(&mut self, error: &wasmtime::Error) {
        self.over(Err(error));
        self.failed(ErrorKind::HalfResponse);
    }

    /// The body was dropped. A client that has got `content-length` bytes does not ask for the end.
    pub(super) fn dropped(&mut self, is_whole: bool) {
        let has_all = self.request.as_ref().is_some_and(|request| request.context().is_over());
        match is_whole || has_all {
            true => self.complete(),
            false => self.failed(ErrorKind::Disconnected),
        }
    }

    fn over(&mut self, end: Result<(), &wasmtime::Error>) {
        if let Some(over) = self.over.take() {
            over(end);
        }
    }

    fn failed(&mut self, kind: ErrorKind) {
        if let Some(request) = self.request.take() {
            request.context().failed(kind);
        }
    }
}
