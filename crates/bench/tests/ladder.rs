//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(missing_docs, reason = "tests")]

use pilotlight_testing::ladder::{Order, check};

const ORDER: &Order = &[
    &["arrivals", "error", "failure", "format", "pacer", "progress"],
    &["corpus", "duration", "load", "target"],
    &["client", "report", "request"],
    &["histogram", "machine", "memory", "plot", "scenario", "table"],
    &["server_timing", "tally"],
    &["round"],
    &["bootstrap", "session"],
    &["closed_loop", "open_loop"],
    &["measure", "start", "stream"],
    &["sweep"],
    &["cli"],
];

#[test]
fn files_use_only_what_stands_below_them() {
    check(env!("CARGO_MANIFEST_DIR"), ORDER);
}
