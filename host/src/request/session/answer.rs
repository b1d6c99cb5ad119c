use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use pilotlight_sandbox::{BodyError, InstanceBody};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{Session, locked};

/// What a function gets to tell its client why the session ends.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The answer of a session. Polling it reads the request, too, and holds it to its limits.
pub(crate) struct SessionAnswer {
    content: InstanceBody,
    session: Session,
    alarm: Pin<Box<Sleep>>,
    /// Dropped with the session.
    _place: Box<dyn Send>,
}

impl Session {
    /// The answer of the function, with whose end `place` is given up.
    pub(crate) fn answer(self, content: InstanceBody, place: impl Send + 'static) -> SessionAnswer {
        let (due, _) = locked(&self.shared).due();
        let alarm = Box::pin(sleep_until(due));
        SessionAnswer { content, session: self, alarm, _place: Box::new(place) }
    }
}

impl SessionAnswer {
    /// Ends the session when it is due to. Ready once the function has had its time to say so.
    fn watch(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut input = locked(&self.session.shared);
        input.read(context);
        loop {
            let (due, why) = match input.ended() {
                Some((_, since)) => (since + LAST_WORDS, None),
                None => {
                    let (due, why) = input.due();
                    (due, Some(why))
                }
            };
            if due > Instant::now() {
                // Most are put off before they come: the clock is set anew when it rings too early.
                if due < self.alarm.deadline() {
                    self.alarm.as_mut().reset(due);
                }
                if self.alarm.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                self.alarm.as_mut().reset(due);
                continue;
            }
            match why {
                Some(why) => input.end(why),
                None => return Poll::Ready(()),
            }
        }
    }
}

impl Body for SessionAnswer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let is_over = self.watch(context).is_ready();
        let polled = Pin::new(&mut self.content).poll_frame(context);
        if polled.is_pending() && is_over {
            let reason = "the session was ended, and the function went on";
            return Poll::Ready(Some(Err(BodyError::new(wasmtime::Error::msg(reason)))));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }
}
