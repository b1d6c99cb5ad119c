//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(missing_docs, reason = "tests")]

use pilotlight_testing::ladder::check;

const LADDER: [&[&str]; 15] = [
    &["error", "config", "crash_loop", "priority", "progress", "request_id"],
    &["admission", "telemetry"],
    &["background", "body", "cache"],
    &["broken_body", "decompress", "graph", "guest", "patterns", "request_target", "seen"],
    &["authentication", "deidentification", "section", "sweep"],
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

#[test]
fn files_use_only_what_stands_below_them() {
    check(env!("CARGO_MANIFEST_DIR"), &LADDER);
}
