//! A file may use only files that stand lower in the crate (docs/architecture.md).

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

const LADDER: [&[&str]; 6] = [
    &["principal", "date", "error", "fingerprint", "forwarded", "proxy_protocol", "timestamp"],
    &["rejection", "rate"],
    &["credential", "jwk", "key", "rate_limiter"],
    &["admin", "key_file", "token"],
    &["policy"],
    &["authenticator"],
];

include!("../../../tests/ladder/check.rs");

#[test]
fn files_use_only_what_stands_below_them() {
    check_ladder(env!("CARGO_MANIFEST_DIR"), &LADDER);
}
