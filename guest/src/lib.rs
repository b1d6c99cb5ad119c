//! The Pilotlight guest: what runs in the sandbox.
//!
//! A request goes straight through [`service`] (which endpoint), [`dialects`] (whose interface it speaks),
//! [`tasks`] (from text to a typed answer), [`text`] (tokens) and [`engine`] (the graph), and back. Everything but the component's glue
//! compiles and is tested natively.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking"))]

pub mod api;
pub mod dialects;
pub mod engine;
pub mod function;
pub mod initialize;
pub mod json;
pub mod model;
pub mod service;
pub mod tasks;
pub mod text;

#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
mod heap;
