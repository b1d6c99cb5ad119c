//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(missing_docs, reason = "tests")]

use pilotlight_testing::ladder::{Order, check};

const ORDER: &Order = &[
    &["family", "outcome", "accept", "trace", "log/fields"],
    &["catalog", "histogram", "log"],
    &["function", "collected", "changes", "connections", "exported", "process", "text"],
    &["load"],
    &["metrics"],
    &["otlp/export/shutdown"],
    &["otlp/export/queue", "otlp/options", "otlp/request"],
    &["otlp/environment"],
    &["otlp"],
];

#[test]
fn files_use_only_what_stands_below_them() {
    check(env!("CARGO_MANIFEST_DIR"), ORDER);
}
