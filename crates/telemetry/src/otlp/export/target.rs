//! Where each signal goes.

use http::Uri;
use http::header::HeaderName;
use pilotlight_secret::Secret;

use crate::exported::Signal;
use crate::otlp::options::{OtlpError, OtlpOptions, address, header};

/// Where a signal goes, and what is sent with it.
pub(super) struct Target {
    pub(super) address: Uri,
    pub(super) headers: Vec<(HeaderName, Secret)>,
}

impl OtlpOptions {
    /// Where the signal goes, checked; `None` if it goes nowhere.
    pub(super) fn target(&self, signal: Signal) -> Result<Option<Target>, OtlpError> {
        let (own, path) = match signal {
            Signal::Spans => (&self.traces, "traces"),
            Signal::Metrics => (&self.metrics, "metrics"),
            Signal::LogRecords => (&self.logs, "logs"),
        };
        let address = match &own.endpoint {
            Some(endpoint) => address(endpoint)?,
            None if self.endpoint.is_empty() && self.has_own_endpoints() => return Ok(None),
            None => {
                address(&self.endpoint)?;
                let endpoint = self.endpoint.trim_end_matches('/');
                address(&format!("{endpoint}/v1/{path}"))?
            }
        };
        let headers = own.headers.as_ref().unwrap_or(&self.headers);
        let headers = headers.iter().map(header).collect::<Result<_, _>>()?;
        Ok(Some(Target { address, headers }))
    }

    fn has_own_endpoints(&self) -> bool {
        [&self.traces, &self.metrics, &self.logs].iter().any(|own| own.endpoint.is_some())
    }
}
