//! Who sends: what every request to the collector begins with.

use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

use super::schema::{AnyValue, KeyValue, OfResource, OfScope, Request, Resource, Scope, Value};
use crate::trace::TraceId;

/// The process, as OpenTelemetry's conventions describe it.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    resource: Resource,
    scope: Scope,
}

impl Sender {
    pub(crate) fn new(service: &str, version: &str, more: &[(String, String)]) -> Self {
        let instance = TraceId::draw().to_string();
        let mut attributes = vec![
            attribute("service.name", service),
            attribute("service.version", version),
            attribute("service.instance.id", instance),
            attribute("process.pid", i64::from(std::process::id())),
            attribute("telemetry.sdk.name", "pilotlight"),
            attribute("telemetry.sdk.language", "rust"),
            attribute("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
        ];
        for (key, value) in more {
            attributes.retain(|attribute| attribute.key != *key);
            attributes.push(attribute(key, value.clone()));
        }
        let scope = Scope { name: "pilotlight".to_owned(), version: version.to_owned() };
        Self { resource: Resource { attributes }, scope }
    }

    /// A request that carries `items`.
    pub(crate) fn request<Item: Message + Default + Debug>(&self, items: Vec<Item>) -> Vec<u8> {
        let scopes = vec![OfScope { scope: Some(self.scope.clone()), items }];
        let resources = vec![OfResource { resource: Some(self.resource.clone()), scopes }];
        Request { resources }.encode_to_vec()
    }
}

pub(crate) fn attribute(key: &str, value: impl Into<Value>) -> KeyValue {
    let value = AnyValue { value: Some(value.into()) };
    KeyValue { key: key.to_owned(), value: Some(value) }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// Nanoseconds since 1970, as far as they fit.
pub(crate) fn unix_nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
