//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

const LADDER: [&[&str]; 7] = [
    &["family", "observation", "accept", "secret", "trace", "log/fields"],
    &["catalogue", "histogram", "log"],
    &["function", "levels", "changes", "connections", "exported", "process", "text"],
    &["metrics"],
    &["otlp/export/shutdown", "otlp/export/queue", "otlp/options", "otlp/request"],
    &["otlp/environment"],
    &["otlp"],
];

include!("../../../tests/ladder/check.rs");

#[test]
fn files_use_only_what_stands_below_them() {
    check_ladder(env!("CARGO_MANIFEST_DIR"), &LADDER);
}
