//! Bodies of requests in one piece, and in pieces that the host writes.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use tokio::sync::mpsc;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

/// Why a body could not be collected.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CollectError {
    #[error("the body is too long")]
    TooLong,
    #[error("the body was not received completely")]
    Broken(#[source] BoxError),
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Reads a body of at most `limit` bytes to its end.
pub(crate) async fn collect<B>(body: B, limit: usize) -> Result<Bytes, CollectError>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(CollectError::TooLong),
        Err(error) => Err(CollectError::Broken(error)),
    }
}

/// A body that has been received.
pub(crate) fn whole(bytes: Bytes) -> WasiBody {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// A body of unknown length, and what fills it with at most `capacity` pieces that have not been read.
pub(crate) fn received(capacity: usize) -> (mpsc::Sender<Bytes>, WasiBody) {
    let (sender, receiver) = mpsc::channel(capacity);
    (sender, Received(receiver).boxed_unsync())
}

struct Received(mpsc::Receiver<Bytes>);

impl Body for Received {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        self.0.poll_recv(context).map(|received| received.map(|data| Ok(Frame::data(data))))
    }
}
