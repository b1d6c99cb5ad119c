//! Bodies of requests that have to come at some pace.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::answer::BoxError;
use super::limits::Limits;
use super::unread::Alarm;

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyRefused {
    /// It is longer than [`Limits::max_body_bytes`].
    #[error("the body may have at most {0} bytes")]
    TooLarge(u64),
    /// There is no memory left for it: [`Limits::bodies_memory`].
    #[error("too many bodies are being received; try again later")]
    NoRoom,
    /// It was silent, or slow, for too long: [`Limits::body_timeout`], [`Limits::body_rate`].
    #[error("the body came too slowly")]
    TooSlow,
    /// It broke off.
    #[error("the body was not received whole: {0}")]
    Broken(BoxError),
    /// It is not what its `content-encoding` says.
    #[error("{0}")]
    Encoding(BoxError),
}

/// A body that ends with an error when it is too long or comes too slowly.
pub(super) struct Paced<B> {
    content: B,
    limits: Arc<Limits>,
    received: u64,
    /// Time that was spent waiting for it, up to the wait that goes on.
    waited: Duration,
    /// Since when it is waited for.
    waits: Option<Instant>,
    alarm: Alarm,
}

impl<B> Paced<B> {
    pub(super) fn new(content: B, limits: Arc<Limits>) -> Self {
        let (received, waited) = (0, Duration::ZERO);
        Self { content, limits, received, waited, waits: None, alarm: Alarm::default() }
    }

    /// Until when the next bytes have to be there that are waited for since `waits`.
    fn deadline(&self, waits: Instant) -> Instant {
        let silence = self.limits.body_timeout;
        let Some(earned) = self.received.saturating_mul(1000).checked_div(self.limits.body_rate)
        else {
            return waits + silence;
        };
        let allowed = Duration::from_millis(earned).max(self.limits.body_grace);
        waits + silence.min(allowed.saturating_sub(self.waited))
    }

    fn take_in(&mut self, frame: &Frame<Bytes>) -> Result<(), BodyRefused> {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        // Frames with nothing in them are no progress.
        if length > 0
            && let Some(waits) = self.waits.take()
        {
            self.waited += waits.elapsed();
        }
        self.received += length;
        match self.received > self.limits.max_body_bytes {
            true => Err(BodyRefused::TooLarge(self.limits.max_body_bytes)),
            false => Ok(()),
        }
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
                let deadline = self.deadline(waits);
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
