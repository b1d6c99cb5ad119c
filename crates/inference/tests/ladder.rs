//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(missing_docs, reason = "tests")]

use pilotlight_testing::ladder::{Order, check};

const ORDER: &Order = &[
    &["error", "device", "package", "packed_weights", "scheduling", "weight_store", "workers"],
    &["buffer", "helpers"],
    &["tensor"],
    &["signature", "rows"],
    &["backend"],
    &["independence", "queue"],
    &["batch"],
    &["backend/tract", "backend/onnxruntime", "counters"],
    &["native"],
    &["isolated"],
    &["executor"],
    &["graphs"],
];

#[test]
fn files_use_only_what_stands_below_them() {
    check(env!("CARGO_MANIFEST_DIR"), ORDER);
}
