//! What the tests of several crates share. A dev-dependency: nothing here is part of a program.
//!
//! Each feature is one kind of fixture, so that a crate's tests build only what they use.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod free_port;
pub mod ladder;
pub mod paths;
pub mod programs;
mod real_models;
mod skipped;

#[cfg(feature = "certificates")]
pub mod certificates;
#[cfg(feature = "telemetry")]
pub mod collector;
#[cfg(feature = "consul")]
pub mod consul;
#[cfg(feature = "models")]
pub mod encoder;
#[cfg(feature = "models")]
pub mod graphs;
#[cfg(feature = "hub")]
pub mod hub;
#[cfg(feature = "models")]
pub mod pipelines;
#[cfg(feature = "registry")]
pub mod registry;
#[cfg(feature = "telemetry")]
pub mod telemetry;
#[cfg(feature = "models")]
pub mod tiny_model;
#[cfg(feature = "models")]
pub mod tiny_voice;

pub use free_port::free_port;
pub use real_models::{real_model, speech_model};
pub use skipped::{RUN, skipped};
