//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(missing_docs, reason = "tests")]

use pilotlight_testing::ladder::{Order, check};

// `contents` and `libraries` belong to the program.
const ORDER: &Order = &[
    &["digest", "error", "libraries"],
    &["layer"],
    &["image"],
    &["layout"],
    &["contents"],
    &["main"],
];

#[test]
fn files_use_only_what_stands_below_them() {
    check(env!("CARGO_MANIFEST_DIR"), ORDER);
}
