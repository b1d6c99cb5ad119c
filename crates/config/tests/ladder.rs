//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

const LADDER: [&[&str]; 7] = [
    &["format", "key", "place", "secret", "suggestion"],
    &["consul", "mistake", "value_schema"],
    &["tree", "types"],
    &["deserialize", "meaning", "overlay", "places", "schema", "shape"],
    &["bounds", "overrides", "prune"],
    &["parse"],
    &["current"],
];

include!("../../../tests/ladder/check.rs");

#[test]
fn files_use_only_what_stands_below_them() {
    check_ladder(env!("CARGO_MANIFEST_DIR"), &LADDER);
}
