//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(missing_docs, reason = "tests")]

use pilotlight_testing::ladder::{Order, check};

const ORDER: &Order = &[
    &["agreement", "error", "memory_image", "precision", "priority", "progress", "sample"],
    &["background", "cache", "guest", "patterns", "signature"],
    &["at_length", "component_file", "graph", "graph_file", "machine_code"],
    &["host_compute", "manifest", "resolve"],
    &["accuracy", "compiled", "inspect"],
    &["compile"],
    &["snapshot"],
    &["model"],
    &["artifact"],
];

#[test]
fn files_use_only_what_stands_below_them() {
    check(env!("CARGO_MANIFEST_DIR"), ORDER);
}
