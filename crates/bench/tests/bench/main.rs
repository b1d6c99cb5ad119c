//! Tests of the crate through its public interface, in one program: it is linked once.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

mod arrivals;
mod command;
mod errors;
mod latency;
mod reports;
mod start;
mod stub;
