//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

const LADDER: [&[&str]; 7] = [
    &["format", "key", "location", "secret", "suggestion"],
    &["consul", "diagnostic", "value_schema"],
    &["tree", "types"],
    &["deserialize", "overlay", "schema", "schema_check", "source_map", "validation"],
    &["bounds", "overrides", "valid_part"],
    &["parse"],
    &["current"],
];

include!("../../../tests/ladder/check.rs");

#[test]
fn files_use_only_what_stands_below_them() {
    check_ladder(env!("CARGO_MANIFEST_DIR"), &LADDER);
}
