use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt as _, Full};
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

/// The body of a response.
pub struct Body(WasiBody);

impl Body {
    pub(crate) fn new(body: WasiBody) -> Self {
        Self(body)
    }

    pub(crate) fn full(bytes: Vec<u8>) -> Self {
        Self(Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed_unsync())
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
        Pin::new(&mut self.0).poll_frame(context).map_err(BodyError)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
