//! Log lines as OTLP has them.

use std::time::SystemTime;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::Otlp;
use super::resource::{attribute, unix_nanoseconds};
use super::schema::{AnyValue, LogRecord, Value};
use crate::log::fields::{FieldValue, Fields, MESSAGE, keep, keep_more};
use crate::log::{SPAN_ID, TRACE_ID};
use crate::trace::{SpanId, TraceId};

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
    let body = fields.take(MESSAGE).map(|message| AnyValue { value: Some(message.into()) });
    let trace = fields.take(TRACE_ID).and_then(|id| TraceId::parse(&id.to_string()));
    let span = fields.take(SPAN_ID).and_then(|id| SpanId::parse(&id.to_string()));
    let mut attributes = vec![attribute("target", metadata.target())];
    attributes.extend(fields.into_iter().map(|(name, value)| attribute(name, value)));
    LogRecord {
        time_unix_nano: now,
        severity_number: severity(*metadata.level()),
        severity_text: metadata.level().as_str().to_owned(),
        body,
        attributes,
        trace_id: trace.map(|id| id.bytes().to_vec()).unwrap_or_default(),
        span_id: span.map(|id| id.bytes().to_vec()).unwrap_or_default(),
        observed_time_unix_nano: now,
    }
}

/// The numbers of OpenTelemetry's log data model.
fn severity(level: Level) -> i32 {
    match level {
        Level::TRACE => 1,
        Level::DEBUG => 5,
        Level::INFO => 9,
        Level::WARN => 13,
        Level::ERROR => 17,
    }
}

impl From<FieldValue> for Value {
    fn from(value: FieldValue) -> Self {
        match value {
            FieldValue::Text(text) => Self::String(text),
            FieldValue::Signed(number) => Self::Int(number),
            // Larger ones than OTLP has room for are told as text.
            FieldValue::Unsigned(number) => {
                i64::try_from(number).map_or_else(|_| Self::String(number.to_string()), Self::Int)
            }
            FieldValue::Real(number) => Self::Double(number),
            FieldValue::Bool(value) => Self::Bool(value),
        }
    }
}
