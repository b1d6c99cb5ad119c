//! Values that are each in order, but not together, and errors that are told once.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::net::SocketAddr;

use pilotlight_config::{Config, Sources, check_number, overlap};

/// The errors of a text, as they are told.
fn told(text: &str) -> Vec<String> {
    let sources = Sources { name: "p.toml".to_owned(), ..Sources::default() };
    match Config::parse(text, &sources) {
        Ok(_) => Vec::new(),
        Err(diagnostics) => {
            diagnostics.into_iter().map(|diagnostic| diagnostic.to_string()).collect()
        }
    }
}

#[track_caller]
fn only(text: &str, diagnostic: &str) {
    let told = told(text);
    assert!(told.len() == 1 && told[0].starts_with(diagnostic), "{told:#?}");
}

#[test]
fn a_header_that_the_collector_cannot_be_sent_has_its_place() {
    let otlp = |headers: &str| {
        format!("[telemetry.otlp]\nendpoint = 'http://127.0.0.1:1'\nheaders = {{ {headers} }}")
    };
    only(
        &otlp("a = 'x', 'b c' = 'hidden'"),
        "p.toml:3:30: telemetry.otlp.headers.\"b c\": the header `b c` is not valid",
    );
    for value in ["hidden-é", "hidden\\n", "hidden\\u0000"] {
        let text = otlp(&format!("a = \"{value}\""));
        only(&text, "p.toml:3:17: telemetry.otlp.headers.a: the header `a` is not valid");
        assert!(!told(&text)[0].contains("hidden"));
    }
    assert_eq!(told(&otlp("authorization = 'Bearer a b', X-Team = ''")), [""; 0]);
}

#[test]
fn an_endpoint_that_the_exporter_refuses_is_an_error() {
    for endpoint in ["http://a\"b", "http://[::1"] {
        only(
            &format!("telemetry.otlp.endpoint = '{endpoint}'"),
            &format!("p.toml:1:27: telemetry.otlp.endpoint: `{endpoint}` is not a URL"),
        );
    }
}

#[test]
fn a_required_value_that_is_wrong_or_missing_is_told_once() {
    let bad = "is not an origin";
    only(
        "[cors]\nallow-origins = ['https://a.example/']",
        &format!("p.toml:2:18: cors.allow-origins[0]: \"https://a.example/\" {bad}"),
    );
    only("[cors]\nallow-origins = ['null']", "p.toml:2:18: cors.allow-origins[0]: \"null\"");
    only(
        "[cors]\nallow-origins = 'x'",
        "p.toml:2:17: cors.allow-origins: must be an array, not a string",
    );
    only("[cors]\nallow-methods = ['GET']", "p.toml:1:1: cors.allow-origins: is missing");
    only("tls.key = 'k'", "p.toml:1:1: tls.certificate: is missing");
    only("tls = { key = 'k', certificate = 7 }", "p.toml:1:34: tls.certificate: must be a string");
    only("deidentify.p.mode = 7", "p.toml:1:21: deidentify.p.mode: must be a string");
    only("[deidentify.p]\nlabels = ['A']", "p.toml:1:1: deidentify.p.mode: is missing");
    only("[telemetry.otlp]\nsample = 1", "p.toml:1:1: telemetry.otlp.endpoint: is missing");
    only("functions.a.source = 7", "p.toml:1:22: functions.a.source: must be a string");
}

#[test]
fn no_more_instances_are_kept_ready_than_there_may_be() {
    let pool = |text: &str| format!("[functions.a]\nsource = 'a'\npool = {{ {text} }}");
    only(
        &pool("min-ready = 10, max-instances = 5"),
        "p.toml:3:22: functions.a.pool.min-ready: must be at most `max-instances`, 5",
    );
    only(
        &pool("min-ready = 4, max-instances = 3"),
        "p.toml:3:22: functions.a.pool.min-ready: must be at most `max-instances`, 3",
    );
    for text in ["max-instances = 1", "min-ready = 5, max-instances = 5", "min-ready = 128"] {
        assert_eq!(told(&pool(text)), [""; 0], "{text}");
    }
    only(
        &pool("min-ready = 10, max-instances = 0"),
        "p.toml:3:42: functions.a.pool.max-instances: must be 1 to 4096",
    );
}

#[test]
fn the_administration_is_not_where_the_functions_are() {
    only(
        "listen = '0.0.0.0:23041'\nadmin.listen = '127.0.0.1:23041'",
        "p.toml:2:16: admin.listen: overlaps `listen`, 0.0.0.0:23041",
    );
    only("listen = '[::]:3001'", "p.toml:1:1: admin.listen: overlaps `listen`, [::]:3001");
    for text in [
        "listen = '0.0.0.0:0'\nadmin.listen = '127.0.0.1:0'",
        "listen = '0.0.0.0:23041'\nadmin.listen = '[::1]:23041'",
        "listen = '[::]:3001'\nadmin.socket = 's'",
    ] {
        assert_eq!(told(text), [""; 0], "{text}");
    }
}

#[test]
fn a_number_has_the_bounds_of_its_key() {
    let told = |key, number| check_number(key, number).unwrap_err();
    assert_eq!(told("http.max-body-bytes", 0), "must be 1KiB to 4GiB");
    assert_eq!(told("http.body-memory", 5), "must be 1MiB to 1024GiB");
    assert_eq!(told("http.body-rate", 1 << 32), "must be 0 to 4294967295");
    assert_eq!(told("functions.any.pool.max-instances", 0), "must be 1 to 4096");
    assert_eq!(check_number("http.max-body-bytes", 1 << 10), Ok(()));
    assert!(check_number("http.no", 0).is_err());
}

#[test]
fn every_address_is_part_of_its_wildcard() {
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    let at = |one, other| overlap(address(one), address(other));
    for (one, other) in [
        ("127.0.0.1:80", "127.0.0.1:80"),
        ("0.0.0.0:80", "127.0.0.1:80"),
        ("0.0.0.0:80", "[::]:80"),
        ("0.0.0.0:80", "[::ffff:127.0.0.1]:80"),
        ("[::]:80", "[::1]:80"),
        ("[::]:80", "127.0.0.1:80"),
        ("[::]:80", "[fe80::1%2]:80"),
    ] {
        assert!(at(one, other) && at(other, one), "{one} {other}");
    }
    for (one, other) in [
        ("0.0.0.0:80", "127.0.0.1:81"),
        ("0.0.0.0:0", "127.0.0.1:0"),
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("127.0.0.1:80", "127.0.0.2:80"),
        ("0.0.0.0:80", "[::1]:80"),
        ("[fe80::1%1]:80", "[fe80::1%2]:80"),
    ] {
        assert!(!at(one, other) && !at(other, one), "{one} {other}");
    }
}
