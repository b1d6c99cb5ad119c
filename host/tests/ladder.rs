//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(missing_docs, reason = "tests")]

use pilotlight_testing::ladder::{Order, check};

const ORDER: &Order = &[
    &["error", "telemetry"],
    &["request"],
    &["authentication", "deploy"],
    &["deidentification"],
    &["routing"],
    &["http", "scrape"],
    &["host"],
    &["admin"],
    // The programs.
    &[
        "commands/absent",
        "commands/admin_socket",
        "commands/environment",
        "commands/hub",
        "commands/inspect",
        "commands/keys",
        "commands/log",
        "commands/origin",
    ],
    &[
        "commands/model",
        "commands/reason",
        "commands/registry",
        "commands/serve/consul",
        "commands/serve/http",
        "commands/serve/stop",
        "commands/serve/supervisor",
    ],
    &[
        "commands/labels",
        "commands/oci",
        "commands/serve/values",
        "commands/sign",
        "commands/stages",
    ],
    &["commands/administration", "commands/compile", "commands/compute", "commands/missing"],
    &[
        "commands/build/built",
        "commands/build/options",
        "commands/check",
        "commands/init",
        "commands/routes",
        "commands/serve/sessions",
        "commands/swap",
    ],
    &["commands/build/in_guest", "commands/build/on_host", "commands/serve/options"],
    &["commands/serve/blueprint", "commands/serve/document", "commands/serve/telemetry"],
    &["commands/build", "commands/serve/settings", "commands/serve/sources"],
    &["commands/serve/tags"],
    &["commands/serve/follow", "commands/serve/listeners"],
    &["commands/serve"],
    &["commands/cache", "commands/run"],
    &["commands"],
];

#[test]
fn files_use_only_what_stands_below_them() {
    check(env!("CARGO_MANIFEST_DIR"), ORDER);
}
