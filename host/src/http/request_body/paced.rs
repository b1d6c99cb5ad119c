//! Bodies of requests that have to come at some pace.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::pace::Pace;
use crate::http::hyper_service::BoxError;
use crate::http::limits::ServerLimits;
use crate::http::unread::Alarm;

/// Reasons why a request body was not read completely.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyRefused {
    /// The body exceeds [`ServerLimits::max_body_bytes`], or the limit of the function.
    #[error("the body exceeds {0} bytes; send less at once")]
    TooLarge(u64),
    /// There is no memory left for it: [`ServerLimits::body_memory`].
    #[error("the memory for request bodies is exhausted; try again later")]
    NoRoom,
    /// Bodies of the same client take all that it may have: [`ServerLimits::body_memory_per_address`].
    #[error("the memory for request bodies of this client is exhausted; try again later")]
    NoRoomForClient,
    /// The body exceeded [`ServerLimits::body_timeout`] or [`ServerLimits::body_deadline`], or fell
    /// below [`ServerLimits::body_rate`].
    #[error("the body arrived too slowly")]
    TooSlow,
    /// The body was aborted.
    #[error("the body was not received completely: {0}")]
    Broken(BoxError),
    /// The body does not match its `content-encoding`.
    #[error("{0}")]
    Encoding(BoxError),
}

/// A body that ends with an error when it is too long or comes too slowly.
pub(super) struct Paced<B> {
    content: B,
    /// What an error tells.
    limit: u64,
    most: u64,
    received: u64,
    pace: Pace,
    /// Since when it is waited for.
    waits: Option<Instant>,
    alarm: Alarm,
}

impl<B> Paced<B> {
    /// At the pace that `limits` ask for, and of at most `most` bytes, which `limit` is told as.
    pub(super) fn new(content: B, limits: &ServerLimits, (limit, most): (u64, u64)) -> Self {
        let (received, pace) = (0, Pace::new(limits));
        Self { content, limit, most, received, pace, waits: None, alarm: Alarm::default() }
    }

    /// At any pace, and of any length: whoever reads it has limits.
    pub(super) fn unlimited(content: B) -> Self {
        let (received, pace) = (0, Pace::unlimited());
        let (limit, most) = (u64::MAX, u64::MAX);
        Self { content, limit, most, received, pace, waits: None, alarm: Alarm::default() }
    }

    fn take_in(&mut self, frame: &Frame<Bytes>) -> Result<(), BodyRefused> {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        // Frames with nothing in them are no progress.
        if length > 0 {
            let waited = self.waits.take().map(|waits| waits.elapsed());
            self.pace.received(length, waited.unwrap_or_default());
        }
        self.received += length;
        if self.received > self.most { Err(BodyRefused::TooLarge(self.limit)) } else { Ok(()) }
    }
}

impl<B> Body for Paced<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BodyRefused;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyRefused>>> {
        match Pin::new(&mut self.content).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let taken = self.take_in(&frame);
                Poll::Ready(Some(taken.map(|()| frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                Poll::Ready(Some(Err(BodyRefused::Broken(error.into()))))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let waits = *self.waits.get_or_insert_with(Instant::now);
                let deadline = waits + self.pace.patience();
                let late = self.alarm.poll(Some(deadline), context);
                late.map(|()| Some(Err(BodyRefused::TooSlow)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}
