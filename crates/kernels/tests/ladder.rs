//! A file may use only files that stand lower in the crate (docs/architecture.md).

// The source is out of a sandbox's reach.
#![cfg(not(target_family = "wasm"))]
#![allow(missing_docs, reason = "tests")]

use pilotlight_testing::ladder::{Order, check};

const ORDER: &Order = &[
    &["lanes", "sums"],
    &["error", "memory"],
    &["blocks", "columns"],
    &["grid", "quantize"],
    &["form", "rows"],
    &["scalar"],
    &["aarch64", "wasm", "x86"],
    &["instruction_set"],
    &["exp"],
    &["gelu", "layer_norm"],
    &["epilogue"],
    &["tile"],
    &["attention", "float", "int4", "int8"],
    &["weights"],
    &["linear"],
];

#[test]
fn files_use_only_what_stands_below_them() {
    check(env!("CARGO_MANIFEST_DIR"), ORDER);
}
