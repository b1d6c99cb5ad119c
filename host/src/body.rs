use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt as _, Full};
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

/// The body of a response. It is the instance's own time: polled, it runs the instance that
/// writes it; dropped, it ends it.
pub struct Body {
    content: WasiBody,
    driver: Option<Driver>,
}

/// Runs an instance.
pub(crate) struct Driver {
    pub(crate) run: Pin<Box<dyn Future<Output = wasmtime::Result<()>> + Send>>,
    /// The instance is wanted for other requests once it has written the body.
    pub(crate) wanted: bool,
}

impl Driver {
    /// Runs the instance until it has to wait.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<wasmtime::Result<()>> {
        self.run.as_mut().poll(context)
    }
}

impl Body {
    pub(crate) fn new(content: WasiBody, driver: Option<Driver>) -> Self {
        Self { content, driver }
    }

    pub(crate) fn full(bytes: Vec<u8>) -> Self {
        let content = Full::new(Bytes::from(bytes)).map_err(|never| match never {});
        Self { content: content.boxed_unsync(), driver: None }
    }

    fn drive(&mut self, context: &mut Context<'_>) {
        if let Some(driver) = &mut self.driver
            && let Poll::Ready(result) = driver.poll(context)
        {
            if let Err(error) = result {
                tracing::debug!(error = format!("{error:#}"), "an instance broke off its body");
            }
            self.driver = None;
        }
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
        self.drive(context);
        Pin::new(&mut self.content).poll_frame(context).map_err(BodyError)
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let whole = http_body::Body::is_end_stream(&self.content);
        match self.driver.take() {
            Some(Driver { run, wanted: true }) if whole => {
                if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                    runtime.spawn(run);
                }
            }
            _ => {}
        }
    }
}
