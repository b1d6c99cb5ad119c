//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(missing_docs, reason = "tests")]

use pilotlight_testing::ladder::{Order, check};

const ORDER: &Order = &[
    &["error", "challenge"],
    &["reference"],
    &["credentials", "artifact", "url"],
    &["graph", "remote", "index"],
    &["refusal"],
    &["authorization", "hub"],
    &["connection"],
    &["pull"],
    &["push"],
];

#[test]
fn files_use_only_what_stands_below_them() {
    check(env!("CARGO_MANIFEST_DIR"), ORDER);
}
