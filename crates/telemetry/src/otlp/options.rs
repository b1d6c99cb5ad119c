use std::time::Duration;

use http::Uri;
use http::header::HeaderName;
use pilotlight_secret::Secret;

/// Options of the export.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OtlpOptions {
    /// The collector, such as `http://127.0.0.1:4318`; `/v1/traces`, `/v1/metrics` and `/v1/logs`
    /// are put behind it. Empty, if only signals are exported that have an address of their own.
    pub endpoint: String,
    /// Sent with each request, such as `authorization`.
    pub headers: Vec<(String, Secret)>,
    /// Options of traces.
    pub traces: SignalOptions,
    /// Options of metrics.
    pub metrics: SignalOptions,
    /// Options of log records.
    pub logs: SignalOptions,
    /// Name of the service: `service.name`.
    pub service: String,
    /// More that is said of the process, such as `deployment.environment.name`.
    pub attributes: Vec<(String, String)>,
    /// Maximum number of queued spans, and of queued log records; at most a million.
    pub queue: usize,
    /// Maximum number of them in one export.
    pub batch: usize,
    /// Maximum time for which the first item of a batch waits for others.
    pub delay: Duration,
    /// Time between two exports of metrics.
    pub interval: Duration,
    /// Maximum time for an answer of the collector; at most an hour.
    pub timeout: Duration,
    /// Number of retries of an export.
    pub retries: u32,
    /// Pause before the first retry; it doubles with each retry, up to 30 seconds. Up to a half of
    /// each pause is left out at random (jitter).
    pub backoff: Duration,
}

/// Options of one signal.
#[derive(Debug, Clone, Default)]
pub struct SignalOptions {
    /// URL of the signal's receiver; no path is appended.
    pub endpoint: Option<String>,
    /// Sent with each of its requests, instead of what is sent with the others.
    pub headers: Option<Vec<(String, Secret)>>,
}

/// Errors of the export.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OtlpError {
    /// The address of the collector is none.
    #[error("`{0}` is not a URL of an OTLP collector; write one such as http://127.0.0.1:4318")]
    Endpoint(String),
    /// The address has a name and a password in it, which would be logged with it.
    #[error(
        "the URL of the OTLP collector contains a user and a password; send them in the header \
         `authorization` instead"
    )]
    Credentials,
    /// The name or the value of a header is none.
    #[error(
        "the header `{0}` is not valid: names consist of letters, digits and dashes, values of \
         visible characters"
    )]
    Header(String),
    /// The exporter is not part of this build.
    #[error("this build does not support OTLP; build it with --features otlp")]
    NotBuilt,
    /// There is no thread to export from.
    #[error("the thread that exports telemetry could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

impl OtlpOptions {
    /// Default name of the service.
    pub const SERVICE: &str = "pilotlight";

    /// Exports to `endpoint`.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            headers: Vec::new(),
            traces: SignalOptions::default(),
            metrics: SignalOptions::default(),
            logs: SignalOptions::default(),
            service: Self::SERVICE.to_owned(),
            attributes: Vec::new(),
            queue: 2048,
            batch: 512,
            delay: Duration::from_secs(5),
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
            retries: 5,
            backoff: Duration::from_secs(1),
        }
    }

    /// Whether `endpoint` can be the address of a collector.
    ///
    /// # Errors
    /// [`OtlpError::Endpoint`] and [`OtlpError::Credentials`].
    pub fn check_endpoint(endpoint: &str) -> Result<(), OtlpError> {
        address(endpoint).map(drop)
    }

    /// Whether a header can be sent with requests.
    ///
    /// # Errors
    /// [`OtlpError::Header`].
    pub fn check_header(name: &str, value: &str) -> Result<(), OtlpError> {
        header(&(name.to_owned(), Secret::new(value))).map(drop)
    }
}

/// An address of a collector, checked.
pub(super) fn address(endpoint: &str) -> Result<Uri, OtlpError> {
    let wrong = || OtlpError::Endpoint(endpoint.to_owned());
    let uri: Uri = endpoint.parse().map_err(|_| wrong())?;
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(OtlpError::Credentials);
    }
    let spoken = matches!(uri.scheme_str(), Some("http" | "https"));
    let plain = uri.query().is_none() && uri.host().is_some_and(|host| !host.is_empty());
    if spoken && plain { Ok(uri) } else { Err(wrong()) }
}

/// A header, checked.
pub(super) fn header((name, value): &(String, Secret)) -> Result<(HeaderName, Secret), OtlpError> {
    let wrong = || OtlpError::Header(name.clone());
    let checked = HeaderName::try_from(&name[..]).map_err(|_| wrong())?;
    let visible = value.text().bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if visible { Ok((checked, value.clone())) } else { Err(wrong()) }
}
