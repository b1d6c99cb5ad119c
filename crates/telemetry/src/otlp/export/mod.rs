//! The exporter: a bounded queue and a worker thread for each signal. It drops what it cannot send in time.
//! Used by `otlp`. Does not know requests beyond their spans, records and metrics.

mod collector;
mod item;
mod log_record;
mod metric;
mod queue;
mod resource;
mod shutdown;
mod span;
mod target;
mod worker;

use std::convert::Infallible;
use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use collector::Collector;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use queue::{Batching, Queue, queue};
use shutdown::Shutdown;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;
use worker::Worker;

use crate::exported::{Fate, Signal};
use crate::metrics::Metrics;
use crate::otlp::{OtlpError, OtlpOptions, RequestSpan, Unfinished};
use crate::trace::RequestTrace;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Sends spans, metrics and log records to a collector, in the background. Cheap to clone.
#[derive(Clone)]
pub struct Otlp(Arc<Exporter>);

struct Exporter {
    traces: Queue<(RequestTrace, RequestSpan)>,
    logs: Queue<LogRecord>,
    metrics: Metrics,
    shutdown: Arc<Shutdown>,
    /// Closed when the last thread has ended.
    done: Mutex<Receiver<Infallible>>,
}

impl Otlp {
    /// Begins to export `metrics`, and whatever is handed to it. Connects when there is something
    /// to send.
    ///
    /// # Errors
    /// [`OtlpError`] when the options cannot be followed.
    pub fn start(options: &OtlpOptions, metrics: &Metrics) -> Result<Self, OtlpError> {
        let shutdown = Arc::new(Shutdown::default());
        let collector = Arc::new(Collector::new(options, metrics, &shutdown)?);
        let (alive, done) = channel();
        let worker = Worker { collector, shutdown: Arc::clone(&shutdown), _alive: alive };
        let batching = Batching { size: options.batch, delay: options.delay };
        let (traces, waiting_traces) = queue(options.queue, batching);
        let (logs, waiting_logs) = queue(options.queue, batching);
        let (numbers, interval) = (metrics.clone(), options.interval);
        worker.spawn("otlp-traces", move |worker| {
            waiting_traces.run(&worker.shutdown, |batch| worker.send_spans(&batch));
        })?;
        worker.spawn("otlp-logs", move |worker| {
            let send = |batch| worker.collector.deliver::<LogRecord>(batch);
            waiting_logs.run(&worker.shutdown, send);
        })?;
        worker.spawn("otlp-metrics", move |worker| worker.send_metrics(&numbers, interval))?;
        let (metrics, done) = (metrics.clone(), Mutex::new(done));
        Ok(Self(Arc::new(Exporter { traces, logs, metrics, shutdown, done })))
    }

    /// Exports the spans of a request that has been answered, if its trace is recorded.
    pub fn record(&self, trace: &RequestTrace, request: RequestSpan) {
        if !trace.own.sampled {
            return;
        }
        let spans = span::count(&request);
        if !self.0.traces.push((trace.clone(), request)) {
            self.0.metrics.exported().add(Signal::Spans, Fate::QueueFull, spans);
        }
    }

    /// A layer that exports what is logged at `level` or above, with the ids of the request's
    /// trace where [`request_span`](crate::request_span) gives them. What this crate itself logs
    /// is not exported: it tells of exporting.
    pub fn log_layer<S>(&self, level: LevelFilter) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        log_record::ExportLayer(self.clone()).with_filter(level)
    }

    fn log(&self, record: LogRecord) {
        if !self.0.logs.push(record) {
            self.0.metrics.exported().add(Signal::LogRecords, Fate::QueueFull, 1);
        }
    }

    /// Sends what waits, and the metrics once more, and ends. What is handed to it later is
    /// dropped, and counted.
    ///
    /// # Errors
    /// [`Unfinished`] when that takes longer than `time`, or a day.
    pub fn shutdown(&self, time: Duration) -> Result<(), Unfinished> {
        let time = time.min(DAY);
        let deadline = Instant::now() + time;
        self.0.end(deadline);
        let done = self.0.done.lock().unwrap_or_else(PoisonError::into_inner);
        match done.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Err(RecvTimeoutError::Disconnected) if !self.0.shutdown.was_missed() => Ok(()),
            Err(_) => Err(Unfinished(time)),
            Ok(never) => match never {},
        }
    }
}

impl Exporter {
    fn end(&self, deadline: Instant) {
        self.shutdown.begin(deadline);
        self.traces.wake();
        self.logs.wake();
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        if !self.shutdown.has_begun() {
            self.end(Instant::now());
        }
    }
}

impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Otlp")
    }
}
