//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(missing_docs, reason = "tests")]

use pilotlight_testing::ladder::{Order, check};

const ORDER: &Order = &[
    &["ci", "output"],
    &["cargo"],
    &["licenses", "models/table", "peers/debian", "steps", "swap"],
    &["build", "clients", "peers", "peers/aarch64", "peers/prometheus", "peers/registry"],
    &["aarch64", "benchmarks", "image", "models", "peers/kubernetes", "peers/onnx", "runtime"],
    &["test"],
];

#[test]
fn files_use_only_what_stands_below_them() {
    check(env!("CARGO_MANIFEST_DIR"), ORDER);
}
