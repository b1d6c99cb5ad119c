//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(missing_docs, reason = "tests")]

use pilotlight_testing::ladder::{Order, check};

const ORDER: &Order = &[
    &["error", "options", "guest_error", "guest_clocks", "guest_log", "memory_limiter", "wasi_nn"],
    &["memory/pagemap", "memory/pages"],
    &["memory/image"],
    &["memory/slot"],
    &["memory/free"],
    &["body", "cpu_time", "epoch", "memory/creator", "memory/stack"],
    &["memory"],
    &["engine", "store"],
    &["instance"],
    &["component"],
    &["pool"],
];

#[test]
fn files_use_only_what_stands_below_them() {
    check(env!("CARGO_MANIFEST_DIR"), ORDER);
}
