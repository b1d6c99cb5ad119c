//! Export to an OpenTelemetry collector: OTLP 1.x over HTTP, in protobuf.
//!
//! Each of the three signals has a thread of its own, and traces and logs a bounded queue in front
//! of it: a request or a log line puts its record there or, when it is full, drops it, and never
//! waits. What became of everything is counted in `pilotlight_telemetry_items_total`.
//!
//! Without the feature `otlp` there is no exporter: [`Otlp::start`] says so, and everything else
//! stays as it is, so that callers need no features of their own.

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
