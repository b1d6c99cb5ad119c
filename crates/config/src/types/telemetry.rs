use std::collections::BTreeMap;

use pilotlight_secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value_schema::{headers, url};

/// What is told about requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Telemetry {
    /// How much is logged on standard error.
    pub log: Level,
    /// How that is written.
    pub log_format: LogFormat,
    /// Tell in a `server-timing` header where the time of each request went.
    pub server_timing: bool,
    /// Where traces, metrics and the log are exported to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp: Option<Otlp>,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// And what may be wrong.
    Warn,
    /// And what an operator wants to know.
    #[default]
    Info,
    /// And how things are done.
    Debug,
    /// Everything.
    Trace,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: an object a line.
    Json,
}

/// An OpenTelemetry collector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Otlp {
    /// Where it takes OTLP over HTTP.
    #[schemars(schema_with = "url")]
    pub endpoint: String,
    /// Headers that it wants, such as `authorization`. They are not written: they may be secret.
    #[serde(default, skip_serializing)]
    #[schemars(schema_with = "headers")]
    pub headers: BTreeMap<String, Secret>,
    /// Share of the traces that begin here which is recorded, 0 to 1. Those that come from
    /// elsewhere are recorded when their senders record them.
    #[serde(default = "sample")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sample: f64,
    /// What this process is called there; otherwise what OTEL_SERVICE_NAME or
    /// OTEL_RESOURCE_ATTRIBUTES say, or `pilotlight`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

impl Otlp {
    /// Everything but the address as it is unless told.
    pub fn new(endpoint: impl Into<String>) -> Self {
        let endpoint = endpoint.into();
        Self { endpoint, headers: BTreeMap::new(), sample: sample(), service: None }
    }
}

impl Otlp {
    /// Share of traces that is recorded unless told.
    pub fn default_sample() -> f64 {
        sample()
    }
}

fn sample() -> f64 {
    0.1
}
