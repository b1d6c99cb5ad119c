//! Model folders as others leave them: what is detected, and what is refused.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod bad;
mod graphs;
mod kit;
mod manifests;
mod properties;
mod sentence_transformers;
mod speech;
mod tasks;
