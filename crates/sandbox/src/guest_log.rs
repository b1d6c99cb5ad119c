//! What a guest writes to its standard output and error: lines of our log, and not many.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// Bytes of an instance that are logged; more are counted.
const MOST: usize = 4096;
/// Bytes that a guest may write at once.
const AT_ONCE: usize = 64 << 10;

/// Where an instance writes. It may hold what users sent, so it is logged only where everything is:
/// at level debug.
#[derive(Clone, Default)]
pub(crate) struct GuestLog(Arc<Mutex<Lines>>);

#[derive(Default)]
struct Lines {
    line: Vec<u8>,
    logged: usize,
    dropped: usize,
}

impl Lines {
    fn write(&mut self, bytes: &[u8]) {
        let fits = bytes.len().min(MOST - self.logged);
        let (logged, dropped) = bytes.split_at(fits);
        self.logged += fits;
        self.dropped += dropped.len();
        for byte in logged {
            match byte {
                b'\n' => self.end_line(),
                byte => self.line.push(*byte),
            }
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            // Escaped: a guest must not write lines that look like others'.
            tracing::debug!(says = ?String::from_utf8_lossy(&line), "guest");
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.end_line();
        if self.dropped > 0 {
            tracing::debug!(
                bytes = self.dropped,
                "the guest wrote more lines, which are not logged"
            );
        }
    }
}

impl GuestLog {
    fn write_all(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes);
    }
}

impl IsTerminal for GuestLog {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestLog {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for GuestLog {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write_all(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl OutputStream for GuestLog {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.write_all(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(AT_ONCE)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for GuestLog {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_not_kept() {
        let log = GuestLog::default();
        (0..1000).for_each(|_| log.write_all(&[b'x'; 1000]));
        let lines = log.0.lock().unwrap();
        assert_eq!((lines.line.len(), lines.dropped), (MOST, 1_000_000 - MOST));
    }
}
