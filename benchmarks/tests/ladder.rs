//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(missing_docs, reason = "tests")]

use pilotlight_testing::ladder::{Order, check_program};

const ORDER: &Order = &[
    &["collector", "fleet", "http", "queueing", "second_version"],
    &["soak/memory", "soak/tally", "instructions/baseline"],
    &["soak/page", "soak/server", "instructions/callgrind", "instructions/fuel"],
    &["soak/clients", "soak/disruptions", "instructions"],
    &["soak", "compare/markdown", "compare/report", "compare/server"],
    &["compare/goals", "compare/runner", "compare/servers"],
    &["compare/models", "compare/overview", "compare/pii", "compare/reliability", "compare/swaps"],
    &["compare/scaling"],
    &["compare/host/batches", "compare/host/corpus", "compare/host/rounds"],
    &["compare/host/agreement", "compare/host/files"],
    &["compare/host/direct", "compare/host/servers"],
    &["compare/bert_base", "compare/host/wasmtime", "compare/sandbox"],
    &["compare/host/scenarios"],
    &["compare/host"],
    &["compare"],
];

#[test]
fn files_use_only_what_stands_below_them() {
    check_program(env!("CARGO_MANIFEST_DIR"), "src", ORDER);
}
