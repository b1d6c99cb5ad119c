//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

const LADDER: [&[&str]; 8] = [
    &["error", "memory_image", "precision", "priority", "progress"],
    &["background", "cache", "guest", "patterns"],
    &["component_file", "graph", "machine_code"],
    &["host_compute", "manifest"],
    &["accuracy", "compiled", "inspect"],
    &["compile", "snapshot"],
    &["model"],
    &["artifact"],
];

include!("../../../tests/ladder/check.rs");

#[test]
fn files_use_only_what_stands_below_them() {
    check_ladder(env!("CARGO_MANIFEST_DIR"), &LADDER);
}
