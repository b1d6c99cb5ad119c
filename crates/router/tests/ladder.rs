//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

const LADDER: [&[&str]; 6] = [
    &["target", "network", "error", "fields", "request", "options", "compare", "window"],
    &["route"],
    &["verdict"],
    &["matching", "sticky", "split", "canary"],
    &["check"],
    &["router"],
];

include!("../../../tests/ladder/check.rs");

#[test]
fn files_use_only_what_stands_below_them() {
    check_ladder(env!("CARGO_MANIFEST_DIR"), &LADDER);
}
