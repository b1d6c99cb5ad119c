//! A configuration that is offered while another one is in use.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use pilotlight_config::{Current, Sources};

#[test]
fn invalid_text_never_replaces_valid_text() {
    let mut current = Current::new("verify = true", Sources::default()).unwrap();
    for invalid in ["verify = ", "verify = 3", "colour = 'red'", "require = 'signature'"] {
        current.offer(invalid).unwrap_err();
        assert!(current.get().config.verify, "{invalid}");
    }
    assert!(current.offer("# nothing else\nverify = true").unwrap().is_none());
    let new = current.offer("verify = false").unwrap().unwrap();
    assert!(!new.config.verify && !current.get().config.verify);
    Current::new("verify = 3", Sources::default()).unwrap_err();
}

#[test]
fn what_needs_a_new_start_is_told() {
    let text = "listen = '127.0.0.1:7'\ncache-dir = 'x'\ncache-size = 0\nwatch = false\nverify = true\n\
                drain-delay = '9s'\ndrain-timeout = '9s'\nhttp.body-rate = 0\n\
                admin = { listen = '127.0.0.1:8', socket = 's', token-file = 't', \
                max-upload-bytes = 1024, upload-timeout = '1s' }\n\
                tls = { certificate = 'c', key = 'k' }\n\
                telemetry = { log = 'off', log-format = 'json', otlp.endpoint = 'http://x' }";
    let mut current = Current::new("", Sources::default()).unwrap();
    let old = current.get().clone();
    let new = current.offer(text).unwrap().unwrap();
    let fixed = [
        "listen",
        "admin.listen",
        "admin.socket",
        "admin.token-file",
        "admin.max-upload-bytes",
        "admin.upload-timeout",
        "tls",
        "http",
        "watch",
        "verify",
        "drain-delay",
        "drain-timeout",
        "cache-dir",
        "cache-size",
        "telemetry.log",
        "telemetry.log-format",
        "telemetry.otlp",
    ];
    assert_eq!(old.config.fixed_changes(&new.config), fixed);
    assert!(old.config.fixed_changes(&old.config).is_empty());
}
