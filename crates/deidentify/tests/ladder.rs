//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(missing_docs, reason = "tests")]

use pilotlight_testing::ladder::{Order, check};

const ORDER: &Order = &[
    &["cipher", "clusters", "uses"],
    &["key", "options"],
    &["entity", "ring_error", "token"],
    &["error", "private_file"],
    &["ring_file"],
    &["ring"],
    &["replacement"],
    &["deidentifier", "reidentify", "rotation"],
    &["restoring"],
];

#[test]
fn files_use_only_what_stands_below_them() {
    check(env!("CARGO_MANIFEST_DIR"), ORDER);
}
