//! The built binary and component, as a user meets them: over sockets and the command line.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

#[path = "../server/certificates.rs"]
mod certificates;
#[path = "../../../guest/tests/tiny_model/mod.rs"]
mod tiny_model;

mod administration;
mod answers;
mod bad_requests;
mod building;
mod bundles;
mod configuration;
mod host_compute;
mod isolation;
mod lab;
mod life_cycle;
mod other_hosts;
mod swapping;
mod tls;
mod wasi_nn;
