//! Models read, rewritten and computed, through the public interface.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, reason = "tests")]

mod adapting;
mod batches;
mod branches;
mod fusion;
mod host_types;
mod nodes;
mod outputs;
mod precisions;
mod ragged;
mod recurrent;
mod refusals;
mod round_trips;
mod rows;
mod sessions;
mod support;
mod tables;
mod windows;
