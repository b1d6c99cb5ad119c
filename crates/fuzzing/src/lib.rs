//! What the fuzz targets run: a module for each, whose `run` panics if something does not hold.
//!
//! The targets themselves, in `fuzz/`, only call it. So tests replay the seeds without the fuzzer.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a target fails by panicking"
)]

pub mod audio;
pub mod auth;
pub mod batches;
pub mod bundle;
pub mod config;
pub mod decisions;
pub mod dialects;
pub mod forwarded;
pub mod kernels;
pub mod model_folder;
pub mod packed_weights;
pub mod proxy_protocol;
pub mod recognizers;
pub mod redact_words;
pub mod redaction;
pub mod requests;
pub mod router;
pub mod segments;
pub mod split;
pub mod streams;
pub mod tokenizer;
pub mod tokens;
pub mod wasi_nn;
pub mod windows;
pub mod word_piece;

#[path = "../../../guest/tests/exact/mod.rs"]
mod exact;
mod functions;
#[path = "../../../guest/tests/oracle/mod.rs"]
mod oracle;

use arbitrary::{Arbitrary, Unstructured};

/// A target's name, and what runs it with the bytes of a seed.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 25] = [
    ("audio", audio::run),
    ("auth", |bytes| replay(bytes, auth::run)),
    ("batches", |bytes| replay(bytes, batches::run)),
    ("bundle", bundle::run),
    ("config", |bytes| replay(bytes, config::run)),
    ("decisions", |bytes| replay(bytes, decisions::run)),
    ("dialects", dialects::run),
    ("forwarded", |bytes| replay(bytes, forwarded::run)),
    ("kernels", |bytes| replay(bytes, kernels::run)),
    ("model_folder", |bytes| replay(bytes, model_folder::run)),
    ("packed_weights", packed_weights::run),
    ("proxy_protocol", proxy_protocol::run),
    ("recognizers", |bytes| replay(bytes, |text: String| recognizers::run(&text))),
    ("redact_words", |bytes| replay(bytes, redact_words::run)),
    ("redaction", |bytes| replay(bytes, redaction::run)),
    ("requests", requests::run),
    ("router", router::run),
    ("segments", |bytes| replay(bytes, segments::run)),
    ("split", split::run),
    ("streams", |bytes| replay(bytes, streams::run)),
    ("tokenizer", tokenizer::run),
    ("tokens", |bytes| replay(bytes, tokens::run)),
    ("wasi_nn", |bytes| replay(bytes, wasi_nn::run)),
    ("windows", |bytes| replay(bytes, windows::run)),
    ("word_piece", |bytes| replay(bytes, |text: String| word_piece::run(&text))),
];

/// Reads an input as the fuzzer reads it, and runs a target with it.
fn replay<T: for<'a> Arbitrary<'a>>(bytes: &[u8], run: fn(T)) {
    if let Ok(input) = T::arbitrary_take_rest(Unstructured::new(bytes)) {
        run(input);
    }
}
