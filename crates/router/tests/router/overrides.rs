//! Testers choose a target by a header, where that is allowed.

use pilotlight_router::{BadOverride, Choice, Router, RouterOptions};
use serde_json::json;

use crate::support::{Sent, get, options, routes};

const HEADER: &str = "X-Pilotlight-Version";

fn with_overrides(override_header: bool) -> Router {
    let options = RouterOptions { override_header, ..options() };
    let shadow = json!({ "target": "b", "share": 1 });
    let list = json!([{ "match": { "json": { "/x": 1 } }, "to": "a", "shadow": shadow }]);
    Router::new(routes(list), options).unwrap_or_else(|errors| panic!("{errors:?}"))
}

#[test]
fn a_tester_gets_the_target_asked_for() {
    let router = with_overrides(true);
    for target in ["c", "a@previous", "b@0123abcd"] {
        let sent = get("/").header(HEADER, target);
        let decision = router.route(&sent.request(), 0).unwrap().unwrap();
        assert_eq!(decision.target.to_string(), target);
        assert_eq!((decision.choice, decision.route), (Choice::Override, None));
        assert!(decision.shadow.is_none() && decision.canary.is_none());
    }
}

#[test]
fn overrides_are_off_by_default() {
    assert!(!RouterOptions::default().override_header);
    let router = with_overrides(false);
    for value in ["c", "nobody", "!"] {
        let sent = get("/").header(HEADER, value);
        assert!(router.needs_body(&sent.request()));
        assert!(router.route(&sent.request(), 0).unwrap().is_none());
        let sent = sent.body(r#"{"x": 1}"#);
        assert_eq!(router.route(&sent.request(), 0).unwrap().unwrap().route, Some(0));
    }
}

#[test]
fn without_the_header_routes_decide() {
    let router = with_overrides(true);
    assert!(router.route(&get("/").request(), 0).unwrap().is_none());
}

#[test]
fn an_override_that_names_no_target_is_an_error() {
    let router = with_overrides(true);
    let error = |sent: Sent| router.route(&sent.request(), 0).err().unwrap();
    for value in ["", "a b", "a@", "a@1", "a@PREVIOUS", "@previous", "ä"] {
        assert_eq!(error(get("/").header(HEADER, value)), BadOverride::Malformed, "{value:?}");
    }
    assert_eq!(error(get("/").header(HEADER, "nobody")), BadOverride::Unknown);
    let twice = get("/").header(HEADER, "a").header(HEADER, "a");
    assert_eq!(error(twice), BadOverride::Several);
    assert!(BadOverride::Unknown.to_string().starts_with("x-pilotlight-version: "));
}

#[test]
fn authentication_and_deidentification_of_the_matching_route_apply_to_testers() {
    let options = RouterOptions { override_header: true, ..options() };
    let list = json!([
        { "match": { "json": { "/x": 1 } }, "to": "a", "auth": "keys" },
        { "match": { "path": "/b" }, "to": "b", "deidentify": "names" },
    ]);
    let router = Router::new(routes(list), options).unwrap_or_else(|errors| panic!("{errors:?}"));
    let route = |sent: Sent| {
        let decision = router.route(&sent.request(), 0).unwrap().unwrap();
        assert_eq!((decision.choice, decision.target.to_string()), (Choice::Override, "c".into()));
        decision.route
    };
    // Which route it is depends on the body.
    assert!(router.needs_body(&get("/").header(HEADER, "c").request()));
    assert_eq!(route(get("/").header(HEADER, "c").body(r#"{"x": 1}"#)), Some(0));
    assert_eq!(route(get("/b").header(HEADER, "c").body(r#"{"x": 2}"#)), Some(1));
    assert_eq!(route(get("/").header(HEADER, "c").body("{}")), None);
}

#[test]
fn candidates_are_the_routes_that_the_body_can_still_choose_between() {
    let list = json!([
        { "match": { "path": "/a", "json": { "/x": 1 } }, "to": "a" },
        { "match": { "path": "/b" }, "to": "b" },
        { "match": { "json": { "/x": 2 } }, "to": "a" },
        { "match": { "query": { "q": "*" } }, "to": "b" },
        { "to": "c" },
    ]);
    let router = Router::new(routes(list), options()).unwrap_or_else(|errors| panic!("{errors:?}"));
    let candidates = |sent: Sent| router.candidates(&sent.request()).collect::<Vec<_>>();
    assert_eq!(candidates(get("/a")), [0, 2, 4]);
    assert_eq!(candidates(get("/b")), [1]);
    assert_eq!(candidates(get("/").query("q=1")), [2, 3]);
}
