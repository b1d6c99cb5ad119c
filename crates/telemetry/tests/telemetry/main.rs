//! Tests of the crate through its public interface, in one program: it is linked once.

#![allow(clippy::panic, clippy::unwrap_used, missing_docs, reason = "tests")]

mod delivering;
mod deploy;
mod environment;
mod exposition;
mod load;
mod log_lines;
mod metrics;
mod otlp;
mod prometheus;
mod trace_context;
