//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(missing_docs, reason = "tests")]

use pilotlight_testing::ladder::{Order, check};

const ORDER: &Order = &[
    &["free_port", "skipped", "ladder/paths"],
    &["ladder", "paths", "graphs", "tiny_model", "telemetry", "certificates", "consul", "hub"],
    &["collector", "encoder", "pipelines", "programs", "real_models", "tiny_voice"],
    &["registry"],
];

#[test]
fn files_use_only_what_stands_below_them() {
    check(env!("CARGO_MANIFEST_DIR"), ORDER);
}
