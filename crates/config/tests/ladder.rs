//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(missing_docs, reason = "tests")]

use pilotlight_testing::ladder::{Order, check};

const ORDER: &Order = &[
    &["format", "key", "location", "suggestion"],
    &["consul", "diagnostic", "value_schema"],
    &["tree", "types"],
    &["deserialize", "overlay", "schema", "schema_check", "source_map", "validation"],
    &["bounds", "overrides", "valid_part"],
    &["parse"],
    &["current"],
];

#[test]
fn files_use_only_what_stands_below_them() {
    check(env!("CARGO_MANIFEST_DIR"), ORDER);
}
