//! A file may use only files that stand lower in the crate (docs/architecture.md).

// The source is out of a sandbox's reach.
#![cfg(not(target_family = "wasm"))]
#![allow(missing_docs, reason = "tests")]

use pilotlight_testing::ladder::{Order, check};

const ORDER: &Order = &[
    &["blocks", "error", "lanes", "sums"],
    &["exp", "gelu", "grid", "layer_norm", "simd"],
    &["epilogue", "form"],
    &["tile"],
    &["attention", "float", "int4", "int8"],
    &["linear"],
];

#[test]
fn files_use_only_what_stands_below_them() {
    check(env!("CARGO_MANIFEST_DIR"), ORDER);
}
