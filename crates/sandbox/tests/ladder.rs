//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

const LADDER: [&[&str]; 6] = [
    &["error", "options", "guest_error", "guest_clocks", "guest_log", "memory_limiter", "wasi_nn"],
    &["body", "cpu_time", "epoch", "memory"],
    &["engine", "store"],
    &["instance"],
    &["component"],
    &["pool"],
];

include!("../../../tests/ladder/check.rs");

#[test]
fn files_use_only_what_stands_below_them() {
    check_ladder(env!("CARGO_MANIFEST_DIR"), &LADDER);
}
