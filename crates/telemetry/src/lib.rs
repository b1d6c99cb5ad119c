//! What the host tells of itself: metrics, traces and logs.
//!
//! [`Metrics`] counts. A [`Handle`] is kept for each version of a function; [`Handle::record`]
//! counts a request with a few atomic additions, without a lock or an allocation. What pools and
//! graphs count themselves is collected on scrape ([`Metrics::add_collector`]). [`Metrics::render`]
//! writes Prometheus's text format or OpenMetrics.
//!
//! [`RequestTrace`] is a request's place in its trace, from its headers and on to others (W3C
//! Trace Context). [`Otlp`] sends spans, the same metrics and log records to an OpenTelemetry
//! collector, in the background. [`json_lines`] writes the log as JSON.
//!
//! # What is never told
//! Texts of requests and answers. Metrics have only names that the operator has given, digests and
//! kinds from lists that are known beforehand; spans have the path that was asked for, but neither
//! query, header nor body; the log has what is logged, and the host logs no text.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking"))]

mod accept;
mod catalog;
mod changes;
mod collected;
mod connections;
mod exported;
mod family;
mod function;
mod histogram;
mod load;
mod log;
mod metrics;
mod otlp;
mod outcome;
mod process;
mod text;
mod trace;

pub use changes::{Rollback, Swap};
pub use collected::{
    CanaryMetrics, CanaryState, Collected, GraphMetrics, PoolMetrics, ShadowMetrics,
};
pub use connections::RefusedConnection;
pub use function::{Handle, InFlight, Statistics};
pub use histogram::Total;
#[cfg(feature = "log")]
pub use log::json_lines;
pub use log::request_span;
pub use metrics::Metrics;
pub use otlp::{
    MalformedVariable, Otlp, OtlpEnvironment, OtlpError, OtlpOptions, RequestSpan, SignalOptions,
    Unfinished,
};
pub use outcome::{ErrorKind, RequestOutcome, Stages};
pub use pilotlight_secret::Secret;
pub use trace::{BadRatio, RequestTrace, Sampler, SpanId, TraceId, TraceParent, TraceState};
