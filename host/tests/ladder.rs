//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

const LADDER: [&[&str]; 15] = [
    &["error", "config", "crash_loop", "priority", "progress", "request_id"],
    &["admission", "telemetry"],
    &["background", "body", "cache"],
    &["broken_body", "decompress", "graph", "guest", "patterns", "request_target", "seen"],
    &["access", "protection", "section", "sweep"],
    &["image", "inspect"],
    &["machine_code"],
    &["snapshot"],
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
