use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::Instant;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use super::{SessionLimits, Shared, locked};

/// Maximum number of bytes that the function takes at once: a quarter of a second of audio, or a page of text. Limits of
/// time hold for each piece.
const PIECE: usize = 8 << 10;

/// Why a session is ended. What the function is told, and tells the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Ended {
    #[error("the session is ended: no data arrived for {0} s")]
    Idle(u64),
    #[error(
        "the session is ended: it fell behind, with more than {0} bytes that are not computed yet; \
         send more slowly, or with a content-length"
    )]
    Behind(usize),
    #[error("the session is ended: the server is overloaded and computed nothing for {0} s")]
    Overloaded(u64),
    #[error("the session is ended: it reached the maximum length of {0} s; start another one")]
    Length(u64),
}

/// What has come of a session, and what the function has not taken.
pub(super) struct Input {
    /// Until its end.
    content: Option<WasiBody>,
    limits: SessionLimits,
    /// Whether a client that is not read would only fall further behind.
    is_live: bool,
    waiting: VecDeque<Bytes>,
    /// Bytes that wait.
    bytes: usize,
    /// How the content broke off.
    broken: Option<HttpError>,
    ended: Option<(Ended, Instant)>,
    began: Instant,
    /// When something came last.
    came: Instant,
    /// When the function took something last, or could have begun to.
    taken: Instant,
    /// Wakes the function.
    reader: Option<Waker>,
}

impl Input {
    pub(super) fn new(content: WasiBody, limits: SessionLimits, is_live: bool) -> Self {
        let now = Instant::now();
        Self {
            content: Some(content),
            limits,
            is_live,
            waiting: VecDeque::new(),
            bytes: 0,
            broken: None,
            ended: None,
            began: now,
            came: now,
            taken: now,
            reader: None,
        }
    }

    /// Reads what has come, within the limits.
    pub(super) fn read(&mut self, context: &mut Context<'_>) {
        let before = self.waiting.len();
        while let Some(content) = &mut self.content
            && self.ended.is_none()
        {
            if self.bytes > self.limits.behind {
                if self.is_live {
                    self.end(Ended::Behind(self.limits.behind));
                }
                break;
            }
            match Pin::new(content).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.take_in(data);
                    }
                }
                Poll::Ready(Some(Err(error))) => (self.content, self.broken) = (None, Some(error)),
                Poll::Ready(None) => self.content = None,
                Poll::Pending => break,
            }
        }
        let has_news = self.waiting.len() > before || self.content.is_none();
        if has_news && let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn take_in(&mut self, mut data: Bytes) {
        if data.is_empty() {
            return;
        }
        self.came = Instant::now();
        if self.waiting.is_empty() {
            self.taken = self.came;
        }
        self.bytes += data.len();
        while !data.is_empty() {
            self.waiting.push_back(data.split_to(data.len().min(PIECE)));
        }
    }

    /// Ends the session: the function is told instead of what waits.
    pub(super) fn end(&mut self, why: Ended) {
        if self.ended.is_some() {
            return;
        }
        self.ended = Some((why, Instant::now()));
        (self.content, self.bytes) = (None, 0);
        self.waiting.clear();
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Why and when the session was ended.
    pub(super) fn ended(&self) -> Option<(Ended, Instant)> {
        self.ended
    }

    /// When the session is to be ended unless something happens, and why.
    pub(super) fn due(&self) -> (Instant, Ended) {
        let SessionLimits { idle, length, patience, .. } = self.limits;
        let lasts = (self.began + length, Ended::Length(length.as_secs()));
        let other = match (self.waiting.is_empty(), &self.content) {
            (false, _) => (self.taken + patience, Ended::Overloaded(patience.as_secs())),
            (true, Some(_)) => (self.came + idle, Ended::Idle(idle.as_secs())),
            // Only the rest of the answer is missing.
            (true, None) => (self.taken + patience, Ended::Overloaded(patience.as_secs())),
        };
        if other.0 < lasts.0 { other } else { lasts }
    }

    /// The next of what has come, for the function.
    fn next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, HttpError>>> {
        if let Some((why, _)) = self.ended {
            return Poll::Ready(Some(Err(HttpError::InternalError(Some(why.to_string())))));
        }
        self.taken = Instant::now();
        if let Some(data) = self.waiting.pop_front() {
            self.bytes -= data.len();
            return Poll::Ready(Some(Ok(data)));
        }
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        if self.content.is_none() {
            return Poll::Ready(None);
        }
        self.reader = Some(context.waker().clone());
        Poll::Pending
    }
}

/// What the function reads.
pub(super) struct InputBody(Shared);

impl InputBody {
    pub(super) fn new(shared: Shared) -> Self {
        Self(shared)
    }
}

impl Body for InputBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let mut input = locked(&self.0);
        if input.waiting.is_empty() {
            input.read(context);
        }
        input.next(context).map(|next| next.map(|data| data.map(Frame::data)))
    }
}
