use std::io::Write as _;

use serde::ser::{SerializeMap as _, Serializer as _};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::fields::{FieldValue, Fields, MESSAGE, keep, keep_more};

/// Names that a line gives a meaning to; a field that has one of them is written as `field.NAME`.
const OWN: [&str; 4] = ["timestamp", "level", "target", MESSAGE];

/// A layer that writes each event as a line of JSON: `timestamp` (RFC 3339, UTC), `level`,
/// `target` and `message`, then the fields of the spans around it ([`request_span`]'s `request_id`,
/// `trace_id`, `span_id`, `function` and `version`) and its own.
///
/// It writes what is logged and nothing else: no header and no body passes through it. The host
/// logs neither what is asked nor what is answered.
///
/// [`request_span`]: crate::request_span
pub fn json_lines<S, W>(writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    JsonLines(writer)
}

struct JsonLines<W>(W);

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        keep(attributes, id, &context);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        keep_more(id, values, &context);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        if let Ok(mut line) = line(metadata, Fields::around(event, &context)) {
            line.push(b'\n');
            // Nobody is left to be told that the log cannot be written.
            let _ = self.0.make_writer_for(metadata).write_all(&line);
        }
    }
}

fn line(metadata: &Metadata<'_>, mut fields: Fields) -> serde_json::Result<Vec<u8>> {
    let message = fields.take(MESSAGE).unwrap_or(FieldValue::Text(String::new()));
    let mut timestamp = String::new();
    // Writing to a `String` does not fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
    let mut line = Vec::with_capacity(256);
    let mut serializer = serde_json::Serializer::new(&mut line);
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("timestamp", &timestamp)?;
    map.serialize_entry("level", metadata.level().as_str())?;
    map.serialize_entry("target", metadata.target())?;
    map.serialize_entry(MESSAGE, &message)?;
    for (name, value) in fields.into_iter() {
        if OWN.contains(&name) {
            map.serialize_entry(&format!("field.{name}"), &value)?;
        } else {
            map.serialize_entry(name, &value)?;
        }
    }
    map.end()?;
    Ok(line)
}
