//! A file may use only files that stand lower in the crate (docs/architecture.md).

// The source is out of a sandbox's reach.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

const LADDER: [&[&str]; 6] = [
    &["blocks", "error", "lanes", "sums"],
    &["exp", "gelu", "grid", "layer_norm", "simd"],
    &["epilogue", "form"],
    &["tile"],
    &["attention", "float", "int4", "int8"],
    &["linear"],
];

include!("../../../tests/ladder/check.rs");

#[test]
fn files_use_only_what_stands_below_them() {
    check_ladder(env!("CARGO_MANIFEST_DIR"), &LADDER);
}
