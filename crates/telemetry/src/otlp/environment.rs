//! The environment variables of OpenTelemetry's specification that say what to export, and where.

use std::ffi::OsString;

use percent_encoding::percent_decode_str;
use pilotlight_secret::Secret;

use super::options::{OtlpOptions, SignalOptions, address, header};

const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
const RESOURCE_ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
/// The attribute that names the service.
const SERVICE: &str = "service.name";

/// What the environment says of the export by OTLP: `OTEL_EXPORTER_OTLP_ENDPOINT`,
/// `OTEL_EXPORTER_OTLP_HEADERS`, the same of each signal (`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` …),
/// `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`. An empty variable is one that is not set.
#[derive(Debug, Default)]
pub struct OtlpEnvironment {
    /// The collector of all signals.
    endpoint: Option<String>,
    headers: Vec<(String, Secret)>,
    traces: SignalOptions,
    metrics: SignalOptions,
    logs: SignalOptions,
    service: Option<String>,
    attributes: Vec<(String, String)>,
    malformed: Vec<MalformedVariable>,
}

/// A variable that is ignored, as a whole, for what is in it. Its value is not repeated: it may be
/// secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {variable} is ignored: {reason}")]
pub struct MalformedVariable {
    /// Its name.
    pub variable: String,
    /// What is wrong with it, and how to correct it.
    pub reason: &'static str,
}

/// Reads variables and keeps what is wrong with them.
struct Reader<'a> {
    get: &'a dyn Fn(&str) -> Option<OsString>,
    malformed: Vec<MalformedVariable>,
}

impl OtlpEnvironment {
    /// Reads the variables; `get` returns the value of one, if it is set.
    pub fn read(get: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let mut reader = Reader { get, malformed: Vec::new() };
        let mut environment = Self {
            endpoint: reader.endpoint("OTEL_EXPORTER_OTLP_ENDPOINT"),
            headers: reader.headers("OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default(),
            traces: reader.signal("TRACES"),
            metrics: reader.signal("METRICS"),
            logs: reader.signal("LOGS"),
            service: reader.value(SERVICE_NAME, |text| Ok(text.to_owned())),
            attributes: reader.value(RESOURCE_ATTRIBUTES, attributes).unwrap_or_default(),
            malformed: Vec::new(),
        };
        environment.malformed = reader.malformed;
        environment
    }

    /// Variables that are ignored, for the log.
    pub fn malformed(&self) -> &[MalformedVariable] {
        &self.malformed
    }

    /// Options of an export that the environment alone configures; `None` if it names no collector.
    pub fn options(&self) -> Option<OtlpOptions> {
        let signals = [&self.traces, &self.metrics, &self.logs];
        let any = self.endpoint.is_some() || signals.iter().any(|one| one.endpoint.is_some());
        any.then(|| {
            let mut options = OtlpOptions::new(self.endpoint.clone().unwrap_or_default());
            options.traces.endpoint.clone_from(&self.traces.endpoint);
            options.metrics.endpoint.clone_from(&self.metrics.endpoint);
            options.logs.endpoint.clone_from(&self.logs.endpoint);
            self.complete(&mut options);
            options
        })
    }

    /// Completes options that name a collector by whatever else the environment says and they do
    /// not: headers where they have none, and attributes.
    pub fn complete(&self, options: &mut OtlpOptions) {
        if options.headers.is_empty() {
            options.headers.clone_from(&self.headers);
            options.traces.headers.clone_from(&self.traces.headers);
            options.metrics.headers.clone_from(&self.metrics.headers);
            options.logs.headers.clone_from(&self.logs.headers);
        }
        let known = |key: &str| options.attributes.iter().any(|(name, _)| name == key);
        let new: Vec<_> = self
            .attributes
            .iter()
            .filter(|(key, _)| key != SERVICE && !known(key))
            .cloned()
            .collect();
        options.attributes.extend(new);
    }

    /// Name of the service in the environment: `OTEL_SERVICE_NAME`, or `service.name` in
    /// `OTEL_RESOURCE_ATTRIBUTES`.
    pub fn service(&self) -> Option<&str> {
        let attribute = self.attributes.iter().rfind(|(key, _)| key == SERVICE);
        self.service.as_deref().or(attribute.map(|(_, value)| &value[..]))
    }
}

impl Reader<'_> {
    fn value<T>(
        &mut self,
        variable: &str,
        read: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        let value = (self.get)(variable).filter(|value| !value.is_empty())?;
        let read = value.to_str().ok_or("the value is not UTF-8").and_then(read);
        read.map_err(|reason| {
            self.malformed.push(MalformedVariable { variable: variable.to_owned(), reason });
        })
        .ok()
    }

    /// White space around an address cannot be part of it; the specification is silent on it.
    fn endpoint(&mut self, variable: &str) -> Option<String> {
        self.value(variable, |text| match text.trim() {
            "" => Ok(None),
            text if address(text).is_ok() => Ok(Some(text.to_owned())),
            _ => Err("the value is not a URL without credentials such as http://127.0.0.1:4318"),
        })
        .flatten()
    }

    fn headers(&mut self, variable: &str) -> Option<Vec<(String, Secret)>> {
        self.value(variable, headers)
    }

    fn signal(&mut self, signal: &str) -> SignalOptions {
        let endpoint = self.endpoint(&format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"));
        let headers = self.headers(&format!("OTEL_EXPORTER_OTLP_{signal}_HEADERS"));
        SignalOptions { endpoint, headers }
    }
}

fn headers(text: &str) -> Result<Vec<(String, Secret)>, &'static str> {
    let mut headers: Vec<(String, Secret)> = Vec::new();
    for (name, value) in pairs(text)? {
        let pair = (name.to_owned(), Secret::new(decoded(value)?));
        header(&pair).map_err(|_| "a name or a value is not valid in a header")?;
        headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        headers.push(pair);
    }
    Ok(headers)
}

fn attributes(text: &str) -> Result<Vec<(String, String)>, &'static str> {
    let pairs = pairs(text)?.into_iter().map(|(key, value)| Ok((decoded(key)?, decoded(value)?)));
    pairs.collect()
}

/// `key=value`, divided by commas as in W3C Baggage, but without properties.
fn pairs(text: &str) -> Result<Vec<(&str, &str)>, &'static str> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let pairs = parts.map(|part| {
        let pair = part.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
        pair.filter(|(key, _)| !key.is_empty()).ok_or("the value is not a list of KEY=VALUE")
    });
    pairs.collect()
}

fn decoded(text: &str) -> Result<String, &'static str> {
    let escapes = |rest: &str| {
        rest.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let decoded = percent_decode_str(text).decode_utf8();
    match decoded {
        Ok(decoded) if text.split('%').skip(1).all(escapes) => Ok(decoded.into_owned()),
        _ => Err("the value is not percent-encoded UTF-8"),
    }
}
