//! How a response ends, and who learns that.

use pilotlight_telemetry::ErrorKind;
use tracing::Span;

use crate::request::context::InProgress;

/// Learns how a body ends; of one that nobody reads to its end that is not known.
type WhenOver = Box<dyn FnOnce(Result<(), &wasmtime::Error>) + Send>;

/// Counts what goes out of a response, and tells its end once.
#[derive(Default)]
pub(super) struct End {
    over: Option<WhenOver>,
    /// Ends with the response.
    request: Option<InProgress>,
}

impl End {
    pub(super) fn tell(
        &mut self,
        over: impl FnOnce(Result<(), &wasmtime::Error>) + Send + 'static,
    ) {
        self.over = Some(Box::new(over));
    }

    /// The response answers `request`.
    pub(super) fn end_with(&mut self, request: InProgress) {
        self.request = Some(request);
    }

    /// The span of the request, if there is one.
    pub(super) fn span(&self) -> Span {
        self.request.as_ref().map_or_else(Span::none, |request| request.context().span())
    }

    /// So many bytes go out.
    pub(super) fn sent(&self, bytes: usize) {
        if let Some(request) = &self.request {
            request.context().sent(bytes);
        }
    }

    /// Everything that was promised has gone out.
    pub(super) fn complete(&mut self) {
        self.over(Ok(()));
        self.request = None;
    }

    /// The content broke off.
    pub(super) fn broken(&mut self, error: &wasmtime::Error) {
        self.over(Err(error));
        self.failed(ErrorKind::HalfResponse);
    }

    /// Nobody reads any further. Whoever has got all that was promised need not ask for the end.
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
