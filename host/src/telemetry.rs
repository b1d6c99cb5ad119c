//! Where requests are counted, exported and logged.

use pilotlight_telemetry::{Metrics, Otlp, RequestSpan, RequestTrace, Sampler};

/// Telemetry of a host. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Telemetry {
    metrics: Metrics,
    export: Option<(Otlp, Sampler)>,
    spans: bool,
}

impl Telemetry {
    /// Counts into `metrics`.
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics, export: None, spans: false }
    }

    /// Exports the spans of requests whose senders record them, too, and of those that `sampler`
    /// takes of the others.
    #[must_use]
    pub fn exporting(self, otlp: Otlp, sampler: Sampler) -> Self {
        Self { export: Some((otlp, sampler)), ..self }
    }

    /// Answers each request in a span of its own while level debug is logged, so that every line
    /// names its request: for logs that programs read. What the host itself logs about a request
    /// names it in any case, and at other levels nothing else is logged about one.
    #[must_use]
    pub fn in_spans(self) -> Self {
        Self { spans: true, ..self }
    }

    /// Metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn has_spans(&self) -> bool {
        self.spans
    }

    /// Exporter, if there is one.
    pub fn otlp(&self) -> Option<&Otlp> {
        self.export.as_ref().map(|(otlp, _)| otlp)
    }

    pub(crate) fn sampler(&self) -> Sampler {
        self.export.as_ref().map_or(Sampler::NEVER, |(_, sampler)| *sampler)
    }

    /// Whether the spans of a request of this trace are exported.
    pub(crate) fn exports(&self, trace: &RequestTrace) -> bool {
        self.export.is_some() && trace.own.sampled
    }

    pub(crate) fn export(&self, trace: &RequestTrace, request: impl FnOnce() -> RequestSpan) {
        if let Some((otlp, _)) = self.export.as_ref().filter(|_| trace.own.sampled) {
            otlp.record(trace, request());
        }
    }
}

impl Default for Telemetry {
    /// Counts, for whoever asks.
    fn default() -> Self {
        Self::new(Metrics::new(env!("CARGO_PKG_VERSION")))
    }
}
