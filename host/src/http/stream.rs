//! The bytes of a connection, and what passes with them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::activity::Activity;
use super::unread::{Alarm, Unread};

/// What clients of HTTP/2 that need no TLS begin with (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A client that is answered before it has sent everything may go on for so long. Closing at once
/// would have its kernel throw away the answer (RFC 9112, 9.6).
const LINGER: Duration = Duration::from_secs(10);
/// And send so much.
const MOST_DROPPED: usize = 64 << 20;

/// A socket, plain or with TLS on it.
pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

/// A socket that tells what it does.
pub(super) struct Stream {
    socket: Box<dyn Socket>,
    /// Read, but not yet handed on.
    ahead: Vec<u8>,
    activity: Arc<Activity>,
    unread: Arc<Unread>,
    closing: Option<Closing>,
}

/// Nothing more is sent; what comes in is dropped.
struct Closing {
    until: Instant,
    alarm: Alarm,
    dropped: usize,
}

impl Stream {
    pub(super) fn new(
        socket: Box<dyn Socket>,
        activity: Arc<Activity>,
        unread: Arc<Unread>,
    ) -> Self {
        Self { socket, ahead: Vec::new(), activity, unread, closing: None }
    }

    /// Reads as far as it takes to tell whether the client speaks HTTP/2.
    pub(super) async fn is_http2(&mut self) -> io::Result<bool> {
        while self.ahead.len() < PREFACE.len() {
            let mut room = [0; PREFACE.len()];
            let mut buffer = ReadBuf::new(&mut room[self.ahead.len()..]);
            let socket = &mut self.socket;
            std::future::poll_fn(|context| Pin::new(&mut *socket).poll_read(context, &mut buffer))
                .await?;
            self.ahead.extend_from_slice(buffer.filled());
            if buffer.filled().is_empty() || !PREFACE.starts_with(&self.ahead) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn wrote<T>(&self, written: Poll<T>) -> Poll<T> {
        match &written {
            Poll::Pending => self.unread.waits(),
            Poll::Ready(_) => self.unread.moves(),
        }
        written
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let length = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.ahead[..length]);
            self.ahead.drain(..length);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.read();
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(context, bytes);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // TLS writes what it has encrypted here.
        let flushed = Pin::new(&mut self.socket).poll_flush(context);
        self.wrote(flushed)
    }

    /// Says that nothing more will be sent, and waits for the client to say the same.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.closing.is_none() {
            ready!(Pin::new(&mut this.socket).poll_shutdown(context))?;
            let (until, alarm) = (Instant::now() + LINGER, Alarm::default());
            this.closing = Some(Closing { until, alarm, dropped: 0 });
        }
        let Some(closing) = &mut this.closing else { return Poll::Ready(Ok(())) };
        let late = closing.alarm.poll(Some(closing.until), context).is_ready();
        let mut room = [0; 8 << 10];
        while this.activity.lingers() && !late && closing.dropped < MOST_DROPPED {
            let mut buffer = ReadBuf::new(&mut room);
            let read = ready!(Pin::new(&mut this.socket).poll_read(context, &mut buffer));
            closing.dropped += buffer.filled().len();
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}
