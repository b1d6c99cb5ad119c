use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use crate::guest_error;

/// The body of an instance's response. Polling it runs the instance that writes it; dropping it
/// ends that instance.
pub struct InstanceBody {
    content: WasiBody,
    driver: Option<Driver>,
    /// Why the instance ended, if it failed.
    failure: Option<wasmtime::Error>,
}

/// The body broke off before its end.
#[derive(Debug, thiserror::Error)]
#[error("{code}")]
pub struct BodyError {
    code: HttpError,
    reason: wasmtime::Error,
}

impl BodyError {
    /// It broke off for `reason`.
    pub fn new(reason: wasmtime::Error) -> Self {
        Self { code: HttpError::ConnectionTerminated, reason }
    }

    /// Why the instance failed, where that is known, or else the code that it gave.
    pub fn reason(&self) -> &wasmtime::Error {
        &self.reason
    }
}

/// Runs an instance.
pub(crate) struct Driver {
    pub(crate) run: Pin<Box<dyn Future<Output = wasmtime::Result<()>> + Send>>,
    /// Whether the instance can take further requests once it has written the body.
    pub(crate) reusable: bool,
}

impl Driver {
    /// Runs the instance until it has to wait.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<wasmtime::Result<()>> {
        self.run.as_mut().poll(context)
    }
}

impl InstanceBody {
    pub(crate) fn new(content: WasiBody, driver: Option<Driver>) -> Self {
        Self { content, driver, failure: None }
    }

    fn drive(&mut self, context: &mut Context<'_>) {
        if let Some(driver) = &mut self.driver
            && let Poll::Ready(result) = driver.poll(context)
        {
            self.driver = None;
            self.failure = result.err();
        }
    }

    fn broken(&mut self, code: HttpError) -> BodyError {
        let reason = self.failure.take();
        let reason = reason.unwrap_or_else(|| wasmtime::Error::msg(guest_error::name(&code)));
        BodyError { code, reason }
    }
}

impl http_body::Body for InstanceBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.drive(context);
        match Pin::new(&mut self.content).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(frame))),
            Poll::Ready(Some(Err(code))) => Poll::Ready(Some(Err(self.broken(code)))),
            // A part must not pass for the whole; whether it is the whole cannot be known.
            Poll::Ready(None) | Poll::Pending if self.failure.is_some() => {
                Poll::Ready(Some(Err(self.broken(HttpError::ConnectionTerminated))))
            }
            end_or_pending => end_or_pending.map(|_| None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

impl Drop for InstanceBody {
    fn drop(&mut self) {
        let complete = self.content.is_end_stream();
        if let Some(Driver { run, reusable: true }) = self.driver.take()
            && complete
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(run);
        }
    }
}
