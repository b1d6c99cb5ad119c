//! Telemetry of a server: flags override the configuration.

use std::time::Duration;

use anyhow::Context as _;
use pilotlight::Telemetry;
use pilotlight_config as config;
use pilotlight_telemetry::{MalformedVariable, Otlp, OtlpEnvironment, OtlpOptions, Sampler};

use super::options::ServeArgs;
use crate::log::{Format, Log};

/// Maximum time to export the remaining spans, log records and metrics at the end.
const LAST_EXPORT: Duration = Duration::from_secs(5);

/// Telemetry that was started, and warnings about its environment variables.
#[derive(Default)]
pub(crate) struct Started {
    pub(crate) telemetry: Telemetry,
    /// Warnings to log once the log has been started.
    pub(crate) warnings: Vec<MalformedVariable>,
}

/// Starts telemetry, with an exporter if a collector is configured.
pub(crate) fn start(
    options: &ServeArgs,
    configured: Option<&config::Telemetry>,
    log: Log,
) -> anyhow::Result<Started> {
    let mut telemetry = Telemetry::default();
    let environment = OtlpEnvironment::read(&|name| std::env::var_os(name));
    // Also where nothing is exported: that may be why.
    let warnings = environment.malformed().to_vec();
    let configured = configured.and_then(|telemetry| telemetry.otlp.as_ref());
    if let Some(exported) = otlp_options(options.otlp.as_deref(), configured, &environment) {
        let otlp = Otlp::start(&exported, telemetry.metrics())
            .context("the exporter of telemetry could not be started")?;
        let sample = configured.map_or_else(config::Otlp::default_sample, |otlp| otlp.sample);
        telemetry = telemetry.exporting(otlp, Sampler::new(sample)?);
    }
    let read_by_programs = log.format == Format::Json || telemetry.otlp().is_some();
    let telemetry = if read_by_programs { telemetry.in_spans() } else { telemetry };
    Ok(Started { telemetry, warnings })
}

/// Exports what remains.
pub(super) fn finish(telemetry: &Telemetry) {
    let finished = telemetry.otlp().map_or(Ok(()), |otlp| otlp.shutdown(LAST_EXPORT));
    if let Err(error) = finished {
        tracing::warn!("{error}");
    }
}

/// Options of the exporter. The flag overrides the configuration, and the configuration overrides
/// the environment.
fn otlp_options(
    flag: Option<&str>,
    configured: Option<&config::Otlp>,
    environment: &OtlpEnvironment,
) -> Option<OtlpOptions> {
    let flag = flag.filter(|endpoint| !endpoint.is_empty());
    let mut options = match flag.or(configured.map(|otlp| &otlp.endpoint[..])) {
        Some(endpoint) => {
            let mut options = OtlpOptions::new(endpoint);
            let headers = configured.iter().flat_map(|otlp| &otlp.headers);
            options.headers = headers.map(|(name, value)| (name.clone(), value.clone())).collect();
            environment.complete(&mut options);
            options
        }
        None => environment.options()?,
    };
    let service = configured.and_then(|otlp| otlp.service.as_deref()).or(environment.service());
    options.service = service.unwrap_or(OtlpOptions::SERVICE).to_owned();
    Some(options)
}
