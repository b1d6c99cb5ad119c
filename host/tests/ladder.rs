//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

const LADDER: [&[&str]; 18] = [
    &["error", "beside", "config", "crash_loop", "priority", "progress", "request_id", "wasi_nn"],
    &["admission", "guest_error", "limiter", "meter", "telemetry"],
    &["background", "body", "cache", "clock", "guest_clocks", "guest_log", "watch"],
    &[
        "broken_body",
        "decompress",
        "followed",
        "graph",
        "guest",
        "patterns",
        "request_target",
        "seen",
    ],
    &["access", "protection", "section", "sweep"],
    &["image", "inspect"],
    &["memory"],
    &["engine", "machine_code", "store"],
    &["instance"],
    &["function"],
    &["snapshot", "pool"],
    &["artifact"],
    &["version"],
    &["deployment", "routing"],
    &["levels"],
    &["host"],
    &["agreement", "server"],
    &["admin"],
];

include!("../../tests/ladder/check.rs");

#[test]
fn files_use_only_what_stands_below_them() {
    check_ladder(env!("CARGO_MANIFEST_DIR"), &LADDER);
}
