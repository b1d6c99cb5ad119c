//! Streams, rewritten by the recognizers.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod anything;
mod chat;
mod failures;
mod kit;
mod messages;
mod text;
