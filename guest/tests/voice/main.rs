//! Voice activity and speech in recordings and in audio while it is sent.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod kit;
mod models;
mod real;
mod recordings;
mod speech;
mod streams;
mod vosk;
