//! Log lines as OTLP has them.

use std::time::SystemTime;

use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::Otlp;
use super::resource::{any_value, attribute, unix_nanoseconds};
use crate::log::fields::{Fields, MESSAGE, keep, keep_more};
use crate::trace::{SpanId, TraceId};

/// The fields that tie what is logged to a trace.
const TRACE_ID: &str = "trace_id";
const SPAN_ID: &str = "span_id";

/// What this crate logs is about exporting, and would have more to be exported.
const OWN_TARGET: &str = env!("CARGO_CRATE_NAME");

pub(super) struct ExportLayer(pub(super) Otlp);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for ExportLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        keep(attributes, id, &context);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        keep_more(id, values, &context);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        if !metadata.target().starts_with(OWN_TARGET) {
            self.0.log(record(metadata, Fields::around(event, &context)));
        }
    }
}

fn record(metadata: &Metadata<'_>, mut fields: Fields) -> LogRecord {
    let now = unix_nanoseconds(SystemTime::now());
    let body = fields.take(MESSAGE).map(any_value);
    let trace = fields.take(TRACE_ID).and_then(|id| TraceId::parse(&id.to_string()));
    let span = fields.take(SPAN_ID).and_then(|id| SpanId::parse(&id.to_string()));
    let mut attributes = vec![attribute("target", metadata.target())];
    attributes.extend(fields.into_iter().map(|(name, value)| attribute(name, value)));
    LogRecord {
        time_unix_nano: now,
        severity_number: severity(*metadata.level()).into(),
        severity_text: metadata.level().as_str().to_owned(),
        body,
        attributes,
        trace_id: trace.map(|id| id.bytes().to_vec()).unwrap_or_default(),
        span_id: span.map(|id| id.bytes().to_vec()).unwrap_or_default(),
        observed_time_unix_nano: now,
        ..LogRecord::default()
    }
}

fn severity(level: Level) -> SeverityNumber {
    match level {
        Level::TRACE => SeverityNumber::Trace,
        Level::DEBUG => SeverityNumber::Debug,
        Level::INFO => SeverityNumber::Info,
        Level::WARN => SeverityNumber::Warn,
        Level::ERROR => SeverityNumber::Error,
    }
}
