//! Whom a server tells of its requests: flags over the configuration.

use std::time::Duration;

use anyhow::Context as _;
use pilotlight::Telemetry;
use pilotlight_config as config;
use pilotlight_telemetry::{Otlp, OtlpOptions, Sampler, Secret};

use super::options::Options;
use crate::log::{Format, Log};

/// How long the collector may take for the last of everything.
const LAST_EXPORT: Duration = Duration::from_secs(5);

/// Starts to export, if there is somebody to export to.
pub(crate) fn start(
    options: &Options,
    configured: Option<&config::Telemetry>,
    log: Log,
) -> anyhow::Result<Telemetry> {
    let mut telemetry = Telemetry::default();
    if let Some(collector) = collector(options, configured) {
        let otlp = Otlp::start(&otlp_options(&collector), telemetry.metrics())
            .context("telemetry cannot be exported")?;
        telemetry = telemetry.exporting(otlp, Sampler::new(collector.sample)?);
    }
    let read_by_programs = log.format == Format::Json || telemetry.otlp().is_some();
    Ok(if read_by_programs { telemetry.in_spans() } else { telemetry })
}

/// Sends what there is left to send.
pub(super) fn finish(telemetry: &Telemetry) {
    let finished = telemetry.otlp().map_or(Ok(()), |otlp| otlp.shutdown(LAST_EXPORT));
    if let Err(error) = finished {
        tracing::warn!("{error}");
    }
}

fn collector(options: &Options, configured: Option<&config::Telemetry>) -> Option<config::Otlp> {
    let configured = configured.and_then(|telemetry| telemetry.otlp.clone());
    // OpenTelemetry's environment variables: an empty one is none.
    let flag = options.otlp.clone().filter(|endpoint| !endpoint.is_empty());
    match (configured, flag) {
        (Some(mut otlp), Some(endpoint)) => {
            otlp.endpoint = endpoint;
            Some(otlp)
        }
        (configured, flag) => configured.or_else(|| flag.map(config::Otlp::new)),
    }
}

fn otlp_options(collector: &config::Otlp) -> OtlpOptions {
    let mut options = OtlpOptions::new(&collector.endpoint[..]);
    let headers = collector.headers.iter();
    options.headers =
        headers.map(|(name, value)| (name.clone(), Secret::new(value.text()))).collect();
    options.service.clone_from(&collector.service);
    options
}
