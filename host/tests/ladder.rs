//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

const LADDER: [&[&str]; 12] = [
    &["error", "config", "progress"],
    &["body", "section", "cache"],
    &["guest", "inspect", "image", "seen"],
    &["memory"],
    &["engine", "machine_code", "store"],
    &["instance"],
    &["function"],
    &["snapshot", "pool"],
    &["artifact"],
    &["host"],
    &["server"],
    &["admin"],
];

include!("../../tests/ladder/check.rs");

#[test]
fn files_use_only_what_stands_below_them() {
    check_ladder(env!("CARGO_MANIFEST_DIR"), &LADDER);
}
