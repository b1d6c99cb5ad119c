//! Audio in pieces of any size, and what becomes of it.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod files;
mod frames;
mod kit;
mod pieces;
mod resampling;
mod segments;
