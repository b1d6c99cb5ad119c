//! Who sends: what every request to the collector begins with.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::item::Item;
use crate::log::fields::FieldValue;
use crate::trace::TraceId;

/// The process, as OpenTelemetry's conventions describe it.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    resource: Resource,
    scope: InstrumentationScope,
}

impl Sender {
    pub(super) fn new(service: &str, version: &str, more: &[(String, String)]) -> Self {
        let instance = TraceId::draw().to_string();
        let mut attributes = vec![
            attribute("service.name", service),
            attribute("service.version", version),
            attribute("service.instance.id", &instance[..]),
            attribute("process.pid", i64::from(std::process::id())),
            attribute("telemetry.sdk.name", "pilotlight"),
            attribute("telemetry.sdk.language", "rust"),
            attribute("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
        ];
        for (key, value) in more {
            attributes.retain(|attribute| attribute.key != *key);
            attributes.push(attribute(key, &value[..]));
        }
        let resource = Resource { attributes, ..Resource::default() };
        let (name, version) = ("pilotlight".to_owned(), version.to_owned());
        Self { resource, scope: InstrumentationScope { name, version, ..Default::default() } }
    }

    /// A request that carries `items`.
    pub(super) fn request<I: Item>(&self, items: Vec<I>) -> Vec<u8> {
        I::request(items, self.resource.clone(), self.scope.clone())
    }
}

pub(super) fn attribute(key: &str, value: impl Into<FieldValue>) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any_value(value.into())), ..KeyValue::default() }
}

pub(super) fn any_value(value: FieldValue) -> AnyValue {
    let value = match value {
        FieldValue::Text(text) => Value::StringValue(text),
        FieldValue::Signed(number) => Value::IntValue(number),
        // Larger ones than OTLP has room for are told as text.
        FieldValue::Unsigned(number) => {
            let text = |_| Value::StringValue(number.to_string());
            i64::try_from(number).map_or_else(text, Value::IntValue)
        }
        FieldValue::Real(number) => Value::DoubleValue(number),
        FieldValue::Bool(value) => Value::BoolValue(value),
    };
    AnyValue { value: Some(value) }
}

/// Nanoseconds since 1970, as far as they fit.
pub(super) fn unix_nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
