use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt as _, Full};
use tokio::task::AbortHandle;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

/// The body of a response.
pub struct Body {
    content: WasiBody,
    /// Ends the instance that writes the content when nobody reads it any more.
    _instance: Option<AbortOnDrop>,
}

impl Body {
    pub(crate) fn new(content: WasiBody, instance: Option<AbortOnDrop>) -> Self {
        Self { content, _instance: instance }
    }

    pub(crate) fn full(bytes: Vec<u8>) -> Self {
        let content = Full::new(Bytes::from(bytes)).map_err(|never| match never {});
        Self { content: content.boxed_unsync(), _instance: None }
    }
}

/// Ends a task when it is dropped.
pub(crate) struct AbortOnDrop(pub(crate) AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A body broke off; says why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BodyError(#[from] HttpError);

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.content).poll_frame(context).map_err(BodyError)
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}
