//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(missing_docs, reason = "tests")]

use pilotlight_testing::ladder::{Order, check, check_program};

const ORDER: &Order = &[
    &["error", "telemetry"],
    &["request"],
    &["authentication", "deploy"],
    &["deidentification"],
    &["routing"],
    &["http", "scrape"],
    &["host"],
    &["admin"],
];

/// The program `pilotlight`.
const PROGRAM: &Order = &[
    &["absent", "admin_socket", "environment", "hub", "inspect", "keys", "log", "origin"],
    &[
        "model",
        "reason",
        "registry",
        "serve/consul",
        "serve/http",
        "serve/stop",
        "serve/supervisor",
    ],
    &["labels", "oci", "serve/values", "sign", "stages"],
    &["administration", "compute", "missing"],
    &["build/built", "build/options", "check", "init", "routes", "serve/sessions", "swap"],
    &["build/in_guest", "build/on_host", "serve/options"],
    &["serve/blueprint", "serve/document", "serve/telemetry"],
    &["build", "serve/settings", "serve/sources"],
    &["serve/tags"],
    &["serve/follow", "serve/listeners"],
    &["serve"],
    &["cache"],
];

#[test]
fn files_use_only_what_stands_below_them() {
    check(env!("CARGO_MANIFEST_DIR"), ORDER);
}

#[test]
fn files_of_the_program_use_only_what_stands_below_them() {
    check_program(env!("CARGO_MANIFEST_DIR"), "src/bin/pilotlight", PROGRAM);
}
