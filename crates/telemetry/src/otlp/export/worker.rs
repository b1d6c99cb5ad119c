//! The threads that export.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::Builder;
use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::trace::v1::Span;

use super::collector::Collector;
use super::metric::metrics;
use super::shutdown::Shutdown;
use super::span::spans;
use crate::metrics::Metrics;
use crate::otlp::RequestSpan;
use crate::trace::RequestTrace;

/// What each of the threads has.
#[derive(Clone)]
pub(super) struct Worker {
    pub(super) collector: Arc<Collector>,
    pub(super) shutdown: Arc<Shutdown>,
    /// Dropped with the thread.
    pub(super) _alive: Sender<Infallible>,
}

impl Worker {
    pub(super) fn spawn(
        &self,
        name: &str,
        run: impl FnOnce(Self) + Send + 'static,
    ) -> io::Result<()> {
        let worker = self.clone();
        Builder::new().name(name.to_owned()).spawn(move || run(worker))?;
        Ok(())
    }

    pub(super) fn send_spans(&self, batch: &[(RequestTrace, RequestSpan)]) {
        let all = batch.iter().flat_map(|(trace, request)| spans(trace, request));
        self.collector.deliver::<Span>(all.collect());
    }

    /// Sends the metrics every `interval`, and once more in the end.
    pub(super) fn send_metrics(&self, all: &Metrics, interval: Duration) {
        let mut last = false;
        while !last {
            self.shutdown.wait(interval);
            last = self.shutdown.has_begun();
            let metrics = metrics(&all.families(), SystemTime::now());
            self.collector.deliver(metrics);
        }
    }
}
