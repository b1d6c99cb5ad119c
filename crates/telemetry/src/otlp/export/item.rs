//! What is exported: spans, metrics and log records, in the messages of opentelemetry-proto.

use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::{DecodeError, Message as _};

use crate::exported::Signal;

/// One of the signals, whose messages differ by name only.
pub(super) trait Item: Sized {
    const SIGNAL: Signal;

    /// The body of a request that sends `items`.
    fn request(items: Vec<Self>, resource: Resource, scope: InstrumentationScope) -> Vec<u8>;

    /// What the answer to it says.
    fn partial_success(answer: &[u8]) -> Result<PartialSuccess, DecodeError>;
}

/// How many items were rejected, and why; none unless the collector says so.
#[derive(Debug, Default)]
pub(super) struct PartialSuccess {
    pub(super) rejected: i64,
    pub(super) message: String,
}

impl Item for Span {
    const SIGNAL: Signal = Signal::Spans;

    fn request(spans: Vec<Self>, resource: Resource, scope: InstrumentationScope) -> Vec<u8> {
        let scope = ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() };
        let resource = ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![scope],
            ..ResourceSpans::default()
        };
        ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec()
    }

    fn partial_success(answer: &[u8]) -> Result<PartialSuccess, DecodeError> {
        let partial = ExportTraceServiceResponse::decode(answer)?.partial_success;
        let partial = partial.unwrap_or_default();
        Ok(PartialSuccess { rejected: partial.rejected_spans, message: partial.error_message })
    }
}

impl Item for Metric {
    const SIGNAL: Signal = Signal::Metrics;

    fn request(metrics: Vec<Self>, resource: Resource, scope: InstrumentationScope) -> Vec<u8> {
        let scope = ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() };
        let resource = ResourceMetrics {
            resource: Some(resource),
            scope_metrics: vec![scope],
            ..ResourceMetrics::default()
        };
        ExportMetricsServiceRequest { resource_metrics: vec![resource] }.encode_to_vec()
    }

    fn partial_success(answer: &[u8]) -> Result<PartialSuccess, DecodeError> {
        let partial = ExportMetricsServiceResponse::decode(answer)?.partial_success;
        let partial = partial.unwrap_or_default();
        Ok(PartialSuccess {
            rejected: partial.rejected_data_points,
            message: partial.error_message,
        })
    }
}

impl Item for LogRecord {
    const SIGNAL: Signal = Signal::LogRecords;

    fn request(log_records: Vec<Self>, resource: Resource, scope: InstrumentationScope) -> Vec<u8> {
        let scope = ScopeLogs { scope: Some(scope), log_records, ..ScopeLogs::default() };
        let resource = ResourceLogs {
            resource: Some(resource),
            scope_logs: vec![scope],
            ..ResourceLogs::default()
        };
        ExportLogsServiceRequest { resource_logs: vec![resource] }.encode_to_vec()
    }

    fn partial_success(answer: &[u8]) -> Result<PartialSuccess, DecodeError> {
        let partial = ExportLogsServiceResponse::decode(answer)?.partial_success;
        let partial = partial.unwrap_or_default();
        Ok(PartialSuccess {
            rejected: partial.rejected_log_records,
            message: partial.error_message,
        })
    }
}
