//! Whatever is configured or sent: errors or a router, an error or a decision, never a panic.

use http::{HeaderMap, HeaderName, HeaderValue};
use pilotlight_router::{Route, Router, RouterOptions};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::support::{Sent, options};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[ab]", 2 => "/[ab*~0]{0,3}", 1 => Just("*".to_owned()), 1 => ".{0,6}"]
}

fn texts() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(text(), text(), 0..3).prop_map(|map| json!(map))
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![4 => 0.0f64..=1.0, 1 => Just(0.0), 1 => Just(1.0), 1 => -2.0f64..1e12]
}

fn target() -> impl Strategy<Value = String> {
    "[a-h](@previous|@[0-9a-f]{8})?"
}

fn matches() -> impl Strategy<Value = Value> {
    let json = prop::collection::btree_map("(/[ab01]){0,3}|/~[01]", json(), 0..3);
    let client = prop::collection::vec("10.0.0.0/[0-9]{1,2}|::/[0-9]|[0-9:./]{0,8}", 0..2);
    let path = prop::option::of("/[ab*]{0,2}");
    let parts = (path, texts(), texts(), json, client);
    parts.prop_map(|(path, header, query, json, client)| {
        json!({ "path": path, "header": header, "query": query, "json": json, "client": client })
    })
}

fn json() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        text().prop_map(Value::from),
        (0u8..3).prop_map(Value::from),
        number().prop_map(Value::from),
        Just(Value::Null),
    ];
    scalar.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[ab01]", inner, 0..3)
                .prop_map(|map| Value::Object(Map::from_iter(map))),
        ]
    })
}

fn route() -> impl Strategy<Value = Value> {
    let weighted = (target(), number()).prop_map(|(t, w)| json!({ "target": t, "weight": w }));
    let source = prop_oneof![Just("header"), Just("cookie"), Just("query"), Just("json")];
    let sticky = (source, text()).prop_map(|(source, name)| json!({ source: name }));
    let shadow = (target(), number()).prop_map(|(t, s)| json!({ "target": t, "share": s }));
    let steps = prop::collection::vec(number(), 0..3);
    let canary = (target(), steps).prop_map(|(target, shares)| {
        let steps = shares.iter().map(|share| json!({ "share": share, "for": "1s" }));
        json!({ "target": target, "steps": steps.collect::<Value>() })
    });
    let parts = (
        matches(),
        prop::collection::vec(weighted, 0..4),
        prop::option::of(sticky),
        prop::option::of(shadow),
        prop::option::of(canary),
    );
    parts.prop_map(|(matches, to, sticky, shadow, canary)| {
        json!({ "match": matches, "to": to, "sticky": sticky, "shadow": shadow, "canary": canary })
    })
}

fn headers() -> impl Strategy<Value = HeaderMap> {
    let name = prop_oneof![Just("a"), Just("b"), Just("cookie"), Just("x-pilotlight-version")];
    let value = prop_oneof![
        text().prop_map(String::into_bytes),
        target().prop_map(String::into_bytes),
        "[ab]=[ab];[ab= \"]{0,4}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec((name, value), 0..4).prop_map(|pairs| {
        let pairs = pairs.into_iter().filter_map(|(name, value)| {
            Some((HeaderName::from_static(name), HeaderValue::from_bytes(&value).ok()?))
        });
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        headers
    })
}

fn sent() -> impl Strategy<Value = Sent> {
    let body = prop_oneof![
        json().prop_map(|json| json.to_string().into_bytes()),
        "[\\[\\]{}\":,ab01]{0,20}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    let query = prop::option::of("([ab]=[ab%+]{0,3}&?){0,3}|.{0,10}");
    let parts = ("/[ab]{0,3}|.{0,5}", query, headers(), any::<Option<std::net::IpAddr>>(), body);
    parts.prop_map(|(path, query, headers, client, body)| Sent {
        path,
        query,
        headers,
        client,
        body: Some(body),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_routes_and_requests_are_decided_or_refused(
        routes in prop::collection::vec(route(), 1..4), sent in sent(), draw: u64, testers: bool,
    ) {
        let routes: Vec<Route> = serde_json::from_value(json!(routes)).unwrap();
        let options = RouterOptions { override_header: testers, ..options() };
        let count = routes.len();
        let router = match Router::new(routes, options) {
            Ok(router) => router,
            Err(errors) => {
                prop_assert!(!errors.is_empty() && errors.iter().all(|m| m.route < count));
                return Ok(());
            }
        };
        prop_assert!(testers || router.route(&sent.request(), draw).is_ok());
    }

    #[test]
    fn any_request_to_right_routes_is_decided_and_a_body_not_needed_changes_nothing(
        sent in sent(), draw: u64, testers: bool,
    ) {
        let routes: Vec<Route> = serde_json::from_value(json!([
            { "match": { "path": "/a*", "json": { "/a": "*" } }, "to": ["a", "b"], "sticky": { "json": "/b/0" } },
            { "match": { "header": { "a": "*" } }, "to": ["a", "b", "c"], "sticky": { "json": "/a/b" } },
            { "match": { "query": { "a": "a" } }, "to": ["a", "c"], "sticky": { "cookie": "a" } },
            { "match": { "json": { "": "*" }, "client": ["::/1"] }, "to": "d" },
            { "to": ["e", "f"], "sticky": { "query": "b" }, "shadow": { "target": "a", "share": 0.5 } },
        ])).unwrap();
        let router = Router::new(routes, RouterOptions { override_header: testers, ..options() });
        let router = router.ok().unwrap();
        let decide = |sent: &Sent| {
            router.route(&sent.request(), draw).map(|decision| {
                let decision = decision.unwrap();
                (decision.route, decision.target.into_owned(), decision.choice, decision.shadow)
            })
        };
        let bodiless = Sent { body: None, ..sent.clone() };
        prop_assert_eq!(
            router.needs_body(&sent.request()), router.needs_body(&bodiless.request())
        );
        if !router.needs_body(&sent.request()) {
            prop_assert_eq!(decide(&sent), decide(&bodiless));
        }
        prop_assert_eq!(decide(&sent), decide(&sent));
    }
}
