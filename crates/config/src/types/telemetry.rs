use std::collections::BTreeMap;

use pilotlight_secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value_schema::{headers, url};

/// Logs, metrics and traces.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Telemetry {
    /// Log level on standard error.
    pub log: Level,
    /// Format of the log.
    pub log_format: LogFormat,
    /// Report the time of each stage of a request in a `server-timing` response header.
    pub server_timing: bool,
    /// OpenTelemetry collector that receives traces, metrics and logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp: Option<Otlp>,
}

/// Log level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// No logs.
    Off,
    /// Errors.
    Error,
    /// Errors and warnings.
    Warn,
    /// Errors, warnings and events that matter to operators.
    #[default]
    Info,
    /// All of these and details.
    Debug,
    /// Everything.
    Trace,
}

/// Format of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// OpenTelemetry collector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Otlp {
    /// URL of its OTLP/HTTP receiver.
    #[schemars(schema_with = "url")]
    pub endpoint: String,
    /// Headers of the requests to the collector, such as `authorization`. Their values are never
    /// written, because they may be secrets.
    #[serde(default, skip_serializing)]
    #[schemars(schema_with = "headers")]
    pub headers: BTreeMap<String, Secret>,
    /// Share of the traces that begin here that is recorded, 0 to 1. Traces that begin elsewhere
    /// are recorded if their parents are.
    #[serde(default = "sample")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sample: f64,
    /// Name of this service [default: OTEL_SERVICE_NAME, service.name of OTEL_RESOURCE_ATTRIBUTES,
    /// or pilotlight]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

impl Otlp {
    /// The collector at `endpoint`, with defaults for all other keys.
    pub fn new(endpoint: impl Into<String>) -> Self {
        let endpoint = endpoint.into();
        Self { endpoint, headers: BTreeMap::new(), sample: sample(), service: None }
    }
}

impl Otlp {
    /// Default share of traces that is recorded.
    pub fn default_sample() -> f64 {
        sample()
    }
}

fn sample() -> f64 {
    0.1
}
