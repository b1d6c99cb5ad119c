//! What stands for the exporter in builds without it.

use std::time::Duration;

#[cfg(feature = "log")]
use tracing::level_filters::LevelFilter;
#[cfg(feature = "log")]
use tracing_subscriber::layer::Identity;

use crate::metrics::Metrics;
use crate::otlp::{OtlpError, OtlpOptions, RequestSpan, Unfinished};
use crate::trace::RequestTrace;

/// The exporter, of which there is none in this build.
#[derive(Debug, Clone, Copy)]
pub enum Otlp {}

impl Otlp {
    /// Fails, because this build does not support OTLP.
    ///
    /// # Errors
    /// [`OtlpError::NotBuilt`].
    pub fn start(_: &OtlpOptions, _: &Metrics) -> Result<Self, OtlpError> {
        Err(OtlpError::NotBuilt)
    }

    /// Is never called.
    pub fn record(&self, _: &RequestTrace, _: RequestSpan) {
        match *self {}
    }

    /// Is never called.
    #[cfg(feature = "log")]
    pub fn log_layer(&self, _: LevelFilter) -> Identity {
        match *self {}
    }

    /// Is never called.
    ///
    /// # Errors
    /// None.
    pub fn shutdown(&self, _: Duration) -> Result<(), Unfinished> {
        match *self {}
    }
}
