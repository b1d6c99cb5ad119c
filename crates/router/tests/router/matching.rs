//! Which route a request matches.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pilotlight_router::Network;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Sent, get, matched, router};

#[track_caller]
fn holds(matches: Value, sent: Sent) {
    let router = router(json!([{ "match": matches, "to": "a" }]));
    assert_eq!(matched(&router, &sent), Some(0), "{matches} {sent:?}");
}

#[track_caller]
fn fails(matches: Value, sent: Sent) {
    let router = router(json!([{ "match": matches, "to": "a" }]));
    assert_eq!(matched(&router, &sent), None, "{matches} {sent:?}");
}

#[test]
fn the_first_route_that_matches_is_taken() {
    let router = router(json!([
        { "match": { "path": "/pii", "header": { "x-group": "testers" } }, "to": "b" },
        { "match": { "path": "/pii*" }, "to": "a" },
        { "match": { "query": { "f": "c" } }, "to": "c" },
    ]));
    assert_eq!(matched(&router, &get("/pii").header("x-group", "testers")), Some(0));
    assert_eq!(matched(&router, &get("/pii").query("f=c")), Some(1));
    assert_eq!(matched(&router, &get("/").query("f=c")), Some(2));
    assert_eq!(matched(&router, &get("/")), None);
}

#[test]
fn a_route_without_conditions_takes_everything() {
    holds(json!({}), get("/"));
    holds(json!({}), get("").body("{"));
}

#[test]
fn paths_match_exactly_or_by_their_beginning() {
    holds(json!({ "path": "/pii" }), get("/pii"));
    fails(json!({ "path": "/pii" }), get("/pii/"));
    fails(json!({ "path": "/pii" }), get("/PII"));
    holds(json!({ "path": "/pii/*" }), get("/pii/"));
    holds(json!({ "path": "/pii/*" }), get("/pii/x/y"));
    fails(json!({ "path": "/pii/*" }), get("/pii"));
    holds(json!({ "path": "/*" }), get("/"));
}

#[test]
fn the_paths_of_routes_are_compared_in_their_normal_form() {
    for path in ["/v1/%72edact", "//v1/redact", "/v1/./redact", "/x/../v1/redact"] {
        holds(json!({ "path": path }), get("/v1/redact"));
    }
    holds(json!({ "path": "/v%31/*" }), get("/v1/redact"));
    holds(json!({ "path": "/caf\u{e9}" }), get("/caf%C3%A9"));
}

#[test]
fn a_trailing_slash_makes_no_difference_where_it_is_ignored() {
    let matches = |path: &str, sent: &str| {
        let router = router(json!([{ "match": { "path": path }, "to": "a" }]));
        matched(&router.ignoring_trailing_slash(), &get(sent)).is_some()
    };
    for (path, sent) in [
        ("/pii", "/pii"),
        ("/pii", "/pii/"),
        ("/pii/", "/pii"),
        ("/pii/", "/pii/"),
        ("/", "/"),
        ("/pii/*", "/pii/"),
        ("/pii/*", "/pii/x"),
    ] {
        assert!(matches(path, sent), "{path} {sent}");
    }
    for (path, sent) in [("/pii", "/pii/x"), ("/", "/x"), ("/pii", "/"), ("/pii/*", "/pii")] {
        assert!(!matches(path, sent), "{path} {sent}");
    }
}

#[test]
fn headers_match_by_any_of_their_values() {
    let both = get("/").header("x-a", "1").header("x-a", "2");
    holds(json!({ "header": { "X-A": "2" } }), both.clone());
    fails(json!({ "header": { "x-a": "1, 2" } }), both.clone());
    holds(json!({ "header": { "x-a": "*" } }), both);
    fails(json!({ "header": { "x-a": "*" } }), get("/"));
    fails(json!({ "header": { "x-a": "a" } }), get("/").header("x-a", "A"));
    holds(json!({ "header": { "x-a": "ü" } }), get("/").header("x-a", "ü"));
    fails(json!({ "header": { "x-a": "1", "x-b": "1" } }), get("/").header("x-a", "1"));
}

#[test]
fn parameters_match_decoded() {
    holds(json!({ "query": { "full name": "Ä+b c" } }), get("/").query("full+name=%C3%84%2bb+c"));
    holds(json!({ "query": { "x": "2" } }), get("/").query("x=1&&x=2"));
    holds(json!({ "query": { "x": "" } }), get("/").query("x"));
    holds(json!({ "query": { "x": "*" } }), get("/").query("x="));
    fails(json!({ "query": { "x": "*" } }), get("/").query("y=x"));
    fails(json!({ "query": { "x": "1" } }), get("/").query("X=1"));
    fails(json!({ "query": { "x": "1" } }), get("/"));
    holds(json!({ "query": { "x": "%zz" } }), get("/").query("x=%zz"));
}

#[test]
fn fields_match_by_pointer() {
    let body = r#"{"user": {"id": 7, "a/b": "x", "m~n": null}, "list": [{"on": true}], "n": 1.0}"#;
    for (pointer, value) in [
        ("/user/id", json!(7)),
        ("/user/id", json!(7.0)),
        ("/user/a~1b", json!("x")),
        ("/user/m~0n", json!(null)),
        ("/list/0/on", json!(true)),
        ("/n", json!(1)),
        ("/user", json!("*")),
        ("/user/m~0n", json!("*")),
        ("", json!("*")),
    ] {
        holds(json!({ "json": { pointer: value } }), get("/").body(body));
    }
    for (pointer, value) in [
        ("/user/id", json!("7")),
        ("/user/id", json!(8)),
        ("/user/name", json!("*")),
        ("/user/id/x", json!("*")),
        ("/list/1", json!("*")),
        ("/list/00/on", json!(true)),
        ("/list/-", json!("*")),
        ("/list/+0/on", json!(true)),
        ("/user", json!("x")),
        ("/n", json!(true)),
    ] {
        fails(json!({ "json": { pointer: value } }), get("/").body(body));
    }
}

#[test]
fn of_fields_with_one_name_the_last_counts() {
    let matches = json!({ "json": { "/a/b": 1 } });
    holds(matches.clone(), get("/").body(r#"{"a": 0, "a": {"b": 2, "b": 1}}"#));
    fails(matches.clone(), get("/").body(r#"{"a": {"b": 1}, "a": {}}"#));
    fails(matches, get("/").body(r#"{"a": {"b": 1}, "a": 1}"#));
}

#[test]
fn a_body_that_is_no_json_does_not_match() {
    let matches = json!({ "json": { "/a": "*" } });
    for body in
        ["", "{", r#"{"a": 1"#, r#"{"a": 1}}"#, r#"{"a": 1} {}"#, "a=1", "\u{feff}{\"a\": 1}"]
    {
        fails(matches.clone(), get("/").body(body));
    }
    fails(matches.clone(), get("/").body(b"{\"a\": \"\xff\"}"));
    fails(matches.clone(), get("/"));
    let deep = "[".repeat(100_000);
    fails(matches.clone(), get("/").body(format!(r#"{{"a": 1, "x": {deep}"#)));
    let nested = json!({ "json": { "/a".repeat(1000): "*" } });
    fails(nested, get("/").body(r#"{"a":"#.repeat(1000)));
    let deep = format!(r#"{{"x": {}{}, "a": 1}}"#, "[".repeat(1000), "]".repeat(1000));
    holds(matches, get("/").body(deep));
}

#[test]
fn clients_match_by_network() {
    let local = json!({ "client": ["10.0.0.0/8", "192.0.2.7", "fd00::/8", "::1"] });
    for client in ["10.255.0.1", "192.0.2.7", "fd12::1", "::1", "::ffff:10.1.2.3"] {
        holds(local.clone(), get("/").client(client));
    }
    for client in ["11.0.0.1", "192.0.2.8", "fe00::1", "::2", "::ffff:11.0.0.1", "::10.1.2.3"] {
        fails(local.clone(), get("/").client(client));
    }
    fails(local, get("/"));
    let mapped = json!({ "client": ["::ffff:10.0.0.0/104"] });
    holds(mapped.clone(), get("/").client("10.1.1.1"));
    fails(mapped, get("/").client("11.1.1.1"));
    holds(json!({ "client": ["0.0.0.0/0"] }), get("/").client("203.0.113.1"));
    fails(json!({ "client": ["0.0.0.0/0"] }), get("/").client("2001:db8::1"));
    holds(json!({ "client": ["::/0"] }), get("/").client("2001:db8::1"));
    fails(json!({ "client": ["::/0"] }), get("/").client("203.0.113.1"));
}

#[test]
fn a_body_is_needed_only_while_a_route_that_may_match_reads_it() {
    let router = router(json!([
        { "match": { "path": "/a" }, "to": "a" },
        { "match": { "path": "/b", "json": { "/x": 1 } }, "to": "b" },
        { "match": { "path": "/c" }, "to": ["a", "b"], "sticky": { "json": "/id" } },
        { "match": { "path": "/d" }, "to": "a", "sticky": { "json": "/id" } },
        { "match": { "header": { "x": "1" }, "json": { "/x": 1 } }, "to": "b" },
        { "to": "c" },
    ]));
    let needs = |sent: Sent| router.needs_body(&sent.request());
    assert!(!needs(get("/a")));
    assert!(!needs(get("/a").header("x", "1")), "an earlier route takes it");
    assert!(needs(get("/b")));
    assert!(needs(get("/c")));
    assert!(!needs(get("/d")), "one target needs no key");
    assert!(needs(get("/e").header("x", "1")));
    assert!(!needs(get("/e")));
}

proptest! {
    #[test]
    fn a_network_of_ipv4_holds_what_has_its_first_bits(bits: u32, prefix in 0u32..=32, other: u32) {
        let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
        let first = Ipv4Addr::from_bits(bits & mask);
        let network: Network = format!("{first}/{prefix}").parse().unwrap();
        let written = format!("{}/{}", first.to_ipv6_mapped(), prefix + 96);
        prop_assert_eq!(written.parse::<Network>().unwrap(), network);
        for address in [bits, other, bits ^ 1, bits ^ mask] {
            let inside = address & mask == bits & mask;
            let address = Ipv4Addr::from_bits(address);
            prop_assert_eq!(network.contains(address.into()), inside);
            prop_assert_eq!(network.contains(address.to_ipv6_mapped().into()), inside);
        }
    }

    #[test]
    fn a_network_of_ipv6_holds_what_has_its_first_bits(bits: u128, prefix in 0u32..=128, other: u128) {
        let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
        // Not an address of IPv4.
        let (bits, other) = (bits | 1 << 127, other | 1 << 127);
        let network = format!("{}/{prefix}", Ipv6Addr::from_bits(bits & mask));
        let network: Network = network.parse().unwrap();
        for address in [bits, other, bits ^ 1] {
            let inside = address & mask == bits & mask;
            prop_assert_eq!(network.contains(IpAddr::V6(Ipv6Addr::from_bits(address))), inside);
        }
    }

    #[test]
    fn any_text_is_a_network_or_refused(text in "[0-9a-f:./]{0,24}|.{0,20}") {
        if let Err(reason) = text.parse::<Network>() {
            let quoted = format!("{text:?}");
            prop_assert!(reason.contains(&quoted));
        }
    }
}
