//! What is wrong with routes is said, all of it, and where.

use std::time::Duration;

use pilotlight_router::{Route, Router};
use serde_json::{Value, json};

use crate::support::{errors, options, routes, two};

/// Errors of one route, as place and message.
fn places(route: Value) -> Vec<(String, String)> {
    let errors = errors(routes(json!([route])));
    errors.into_iter().map(|error| (error.key(), error.message)).collect()
}

#[track_caller]
fn refused(route: Value, place: &str, message: &str) {
    let found = places(route.clone());
    assert_eq!(found.len(), 1, "{route}: {found:?}");
    assert_eq!(found[0].0, place, "{found:?}");
    assert!(found[0].1.contains(message), "{found:?}");
}

#[track_caller]
fn refused_when(change: impl FnOnce(&mut Route), place: &str) {
    let mut list = routes(json!([canary(json!({}))]));
    change(&mut list[0]);
    let found: Vec<_> = errors(list).iter().map(|error| error.key()).collect();
    assert_eq!(found, [place]);
}

fn canary(with: Value) -> Value {
    let mut canary = json!({ "target": "b", "steps": [{ "share": 0.1, "for": "1m" }] });
    canary.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
    let shadow = json!({ "target": "c", "share": 0.5 });
    json!({ "to": two(1.0, 1.0), "canary": canary, "shadow": shadow })
}

#[test]
fn right_routes_have_no_errors() {
    assert!(places(canary(json!({}))).is_empty());
    assert!(errors(vec![]).is_empty());
}

#[test]
fn conditions_that_nothing_fulfils_are_refused() {
    let refused = |matches: Value, place: &str, message: &str| {
        refused(json!({ "match": matches, "to": "a" }), place, message);
    };
    refused(json!({ "path": "pii" }), "match.path", "must begin with `/`");
    refused(json!({ "path": "*" }), "match.path", "must begin with `/`");
    refused(json!({ "path": "/a/*/b" }), "match.path", "only allowed at the end");
    refused(json!({ "path": "/a?b=c" }), "match.path", "query parameters belong in `match.query`");
    refused(json!({ "path": "/a%2" }), "match.path", "write %25");
    refused(json!({ "path": "/a%2*" }), "match.path", "write %25");
    refused(json!({ "path": "/a//b*" }), "match.path", "no request matches");
    refused(json!({ "path": "/a/../b*" }), "match.path", "no request matches");
    refused(json!({ "header": { "x user": "1" } }), "match.header.\"x user\"", "not a header name");
    refused(
        json!({ "header": { "x-user": "a\nb" } }),
        "match.header.x-user",
        "not a valid header value",
    );
    refused(
        json!({ "header": { "x-user": " a" } }),
        "match.header.x-user",
        "not a valid header value",
    );
    refused(json!({ "header": { "X-A": "1", "x-a": "2" } }), "match.header.x-a", "twice");
    refused(json!({ "query": { "": "1" } }), "match.query.\"\"", "must not be empty");
    refused(json!({ "json": { "user": 1 } }), "match.json.user", "JSON Pointer");
    refused(json!({ "json": { "/a~2": 1 } }), "match.json.\"/a~2\"", "JSON Pointer");
    refused(json!({ "json": { "/a~": 1 } }), "match.json.\"/a~\"", "JSON Pointer");
    refused(json!({ "json": { "/a": [1] } }), "match.json.\"/a\"", "must be a string");
    refused(json!({ "client": ["10.0.0.0/8", "10.0.0.1/8"] }), "match.client[1]", "must be 0");
}

#[test]
fn networks_that_are_none_are_refused() {
    for text in [
        "",
        "10.0.0",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/+8",
        "10.0.0.0/-1",
        "::/129",
        "::1/0",
        "10.0.0.0/8/8",
        "fe80::1%eth0",
        "example.org",
        "010.0.0.1",
        "::ffff:10.0.0.1/100",
        " ::",
        "10.0.0.0/99999999999",
    ] {
        let found = places(json!({ "match": { "client": [text] }, "to": "a" }));
        assert_eq!(found.len(), 1, "{text}");
        assert!(found[0].1.contains(&format!("{text:?}")), "{found:?}");
    }
}

#[test]
fn arms_that_cannot_be_split_are_refused() {
    refused(json!({ "to": [] }), "to", "1 to 64 targets, not 0");
    refused(json!({ "to": two(0.0, 0.0) }), "to", "above 0");
    refused(json!({ "to": two(1.0, -1.0) }), "to[1].weight", "-1 is not");
    refused(json!({ "to": two(1.0, 1e10) }), "to[1].weight", "10000000000");
    refused(json!({ "to": two(1e-10, 1.0) }), "to[0].weight", "must be 0, or");
    refused(json!({ "to": ["a", "nobody"] }), "to[1].target", "functions are: a, b, c, d, e, f");
    refused(json!({ "to": ["a", "b", "a@current"] }), "to[2].target", "the earlier target a");
    refused(json!({ "to": ["a@0123abcdef", "a@0123abcd"] }), "to[1].target", "a@0123abcdef");
    let many: Vec<_> = (0..65).map(|number| format!("a@{number:08x}")).collect();
    refused(json!({ "to": many }), "to", "not 65");
    for weight in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        refused_when(|route| route.to[0].weight = weight, "to[0].weight");
    }
}

#[test]
fn keys_that_are_nowhere_are_refused() {
    let refused = |sticky: Value| refused(json!({ "to": "a", "sticky": sticky }), "sticky", "");
    refused(json!({ "header": "x user" }));
    refused(json!({ "header": "" }));
    refused(json!({ "cookie": "a;b" }));
    refused(json!({ "cookie": "a=b" }));
    refused(json!({ "query": "" }));
    refused(json!({ "json": "user" }));
}

#[test]
fn shadows_that_tell_nothing_are_refused() {
    let refused = |shadow: Value, place: &str, message: &str| {
        refused(json!({ "to": "a", "shadow": shadow }), place, message);
    };
    refused(json!({ "target": "b", "share": 1.5 }), "shadow.share", "0 to 1");
    refused(json!({ "target": "b", "share": -0.5 }), "shadow.share", "0 to 1");
    refused(json!({ "target": "a", "share": 1 }), "shadow.target", "a already gets all requests");
    refused(json!({ "target": "x", "share": 1 }), "shadow.target", "function \"x\" does not exist");
    let tolerance = json!({ "target": "b", "share": 1, "tolerance": -0.1 });
    refused(tolerance, "shadow.tolerance", "0 or more");
    refused_when(|route| route.shadow.as_mut().unwrap().share = f64::NAN, "shadow.share");
    refused_when(|route| route.shadow.as_mut().unwrap().tolerance = f64::NAN, "shadow.tolerance");
}

#[test]
fn canaries_that_cannot_be_judged_are_refused() {
    let refused = |with: Value, place: &str, message: &str| {
        refused(canary(with), place, message);
    };
    let steps = |shares: &[f64]| {
        let steps = shares.iter().map(|share| json!({ "share": share, "for": "1m" }));
        json!({ "steps": steps.collect::<Value>() })
    };
    refused(json!({ "target": "c" }), "canary.target", "not one of the targets");
    refused(steps(&[]), "canary.steps", "at least one");
    refused(steps(&[0.1, 1.1]), "canary.steps[1].share", "1.1 is not a share");
    refused(steps(&[0.0]), "canary.steps[0].share", "above 0");
    refused(steps(&[1.0]), "canary.steps[0].share", "must have a share below 1");
    refused(json!({ "max-error-excess": 2 }), "canary.max-error-excess", "0 to 1");
    refused(json!({ "max-p99-ratio": 0.9 }), "canary.max-p99-ratio", "must be 1 or more");
    refused(json!({ "min-requests": 0 }), "canary.min-requests", "at least 1");
    refused_when(|route| route.to[0].weight = 0.0, "canary.target");
    let mut alone = canary(json!({}));
    alone["to"] = json!("b");
    assert_eq!(places(alone)[0].0, "canary.target");
    let zero = |route: &mut Route| route.canary.as_mut().unwrap().steps[0].lasts = Duration::ZERO;
    refused_when(zero, "canary.steps[0].for");
    let infinite = |route: &mut Route| route.canary.as_mut().unwrap().max_p99_ratio = f64::INFINITY;
    refused_when(infinite, "canary.max-p99-ratio");
}

#[test]
fn names_are_told_apart_and_every_route_can_be_reached() {
    let list = json!([
        { "name": "one", "match": { "path": "/1" }, "to": "a" },
        { "name": "one", "match": { "path": "/2" }, "to": "a" },
        { "name": "3", "match": { "path": "/3" }, "to": "a" },
        { "match": { "path": "/4" }, "to": "a" },
        { "name": "", "match": { "path": "/1" }, "to": "a" },
        { "to": "b" },
        { "match": { "path": "/5" }, "to": "a" },
    ]);
    let found: Vec<_> = errors(routes(list)).iter().map(ToString::to_string).collect();
    let expected = [
        "routes[1].name: routes[0] has the same name \"one\"; choose another one",
        "routes[3].name: routes[2] has the same name \"3\"; choose another one",
        "routes[4].name: must not be empty, and must not contain control characters",
        "routes[4].match: no request reaches this route, because routes[0] comes first and matches \
         all of its requests",
        "routes[6].match: no request reaches this route, because routes[5] comes first and matches \
         all of its requests",
    ];
    assert_eq!(found, expected);
}

#[test]
fn all_errors_are_told_route_by_route() {
    let list = routes(json!([
        { "match": { "path": "x", "client": ["y"] }, "to": two(-1.0, 1.0) },
        { "match": { "path": "x" }, "to": "nobody", "sticky": { "json": "z" } },
    ]));
    let errors = Router::new(list, options()).err().unwrap();
    let found: Vec<_> = errors.iter().map(|m| (m.route, m.key())).collect();
    let expected = [
        (0, "to[0].weight"),
        (0, "match.path"),
        (0, "match.client[0]"),
        (1, "to[0].target"),
        (1, "match.path"),
        (1, "sticky"),
    ];
    assert_eq!(found, expected.map(|(route, place)| (route, place.to_owned())));
}
