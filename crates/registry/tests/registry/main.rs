//! Tests of the crate through its public interface, in one program: it is linked once.

#![allow(clippy::panic, clippy::unwrap_used, missing_docs, reason = "tests")]

mod authorizing;
mod credentials;
mod docker_registry;
mod graphs;
mod hub;
mod indexes;
mod pulling;
mod pushing;
mod references;
mod stub;
mod trusting;
