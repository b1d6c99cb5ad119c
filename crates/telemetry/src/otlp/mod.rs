//! Export to an OpenTelemetry collector (OTLP 1.x over HTTP, protobuf). Requests never wait for it; all outcomes are counted
//! in `pilotlight_telemetry_items_total`. Without the feature `otlp`, [`Otlp::start`] returns an error.
//! The top of the crate: used by the host and the program.

mod environment;
#[cfg_attr(not(feature = "otlp"), path = "absent.rs")]
mod export;
mod options;
mod request;

use std::time::Duration;

pub use environment::{MalformedVariable, OtlpEnvironment};
pub use export::Otlp;
pub use options::{OtlpError, OtlpOptions, SignalOptions};
pub use request::RequestSpan;

/// Something was not sent before the deadline of [`Otlp::shutdown`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the collector did not accept the remaining telemetry within {0:?}")]
pub struct Unfinished(Duration);
