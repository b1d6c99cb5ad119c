//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(missing_docs, reason = "tests")]

use pilotlight_testing::ladder::{Order, check};

const ORDER: &Order = &[
    &["error", "plan", "precision", "proto"],
    &["element", "shape", "inspect"],
    &["external", "host_types", "sessions", "widen", "adapt"],
    &["file", "node", "signature", "tensor"],
    &["nbits"],
    &["operators"],
    &["import/lower"],
    &["fuse"],
    &["import"],
    &["rewrite"],
    &["ragged"],
];

#[test]
fn files_use_only_what_stands_below_them() {
    check(env!("CARGO_MANIFEST_DIR"), ORDER);
}
