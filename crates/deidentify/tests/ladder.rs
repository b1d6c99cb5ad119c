//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(missing_docs, reason = "tests")]

use pilotlight_testing::ladder::{Order, check};

const ORDER: &Order = &[
    &["cipher", "clusters", "uses"],
    &["key", "options"],
    &["entity", "keyring_error", "token"],
    &["error", "private_file"],
    &["keyring_file"],
    &["keyring"],
    &["replacement"],
    &["deidentifier", "reidentify", "rotation"],
    &["stream_reidentifier"],
];

#[test]
fn files_use_only_what_stands_below_them() {
    check(env!("CARGO_MANIFEST_DIR"), ORDER);
}
