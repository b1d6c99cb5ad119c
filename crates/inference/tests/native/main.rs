//! The native backend: encoders on kernels of our own, the calls of a batch together.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, reason = "tests")]

mod batches;
mod fallback;
mod golden;
mod graphs;
mod real;
mod refusals;
mod sandbox;
mod stored;
mod support;
