//! Processor time of sessions: each piece of a body begins it anew.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use crate::cpu_time::CpuMeter;

/// The meter of the instance that a session gets.
#[derive(Clone, Default)]
pub(super) struct SessionMeter(Arc<OnceLock<Arc<CpuMeter>>>);

impl SessionMeter {
    /// The session has got its instance.
    pub(super) fn set(&self, meter: Option<Arc<CpuMeter>>) {
        if let Some(meter) = meter {
            self.0.get_or_init(|| meter);
        }
    }
}

/// The body of a session's request. It is polled by the instance, in its turn.
pub(super) struct MeteredBody {
    content: WasiBody,
    meter: SessionMeter,
}

impl MeteredBody {
    pub(super) fn new(content: WasiBody, meter: SessionMeter) -> Self {
        Self { content, meter }
    }
}

impl Body for MeteredBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let polled = Pin::new(&mut self.content).poll_frame(context);
        if let (Poll::Ready(_), Some(meter)) = (&polled, self.meter.0.get()) {
            meter.begin_again();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}
