//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(missing_docs, reason = "tests")]

use pilotlight_testing::ladder::{Order, check};

const ORDER: &Order = &[
    &["digest", "error", "input", "json", "pattern", "pooling", "scheme", "signature", "task"],
    &["choices", "config", "labels", "manifest", "tokenizer"],
    &["files"],
    &["draft"],
    &["detect"],
    &["folder"],
];

#[test]
fn files_use_only_what_stands_below_them() {
    check(env!("CARGO_MANIFEST_DIR"), ORDER);
}
