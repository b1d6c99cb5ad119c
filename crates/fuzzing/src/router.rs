//! Any routes, in JSON on the first line, and any request, on those that follow: its path and query,
//! headers, an empty line, its body. Mistakes are found, or decisions that hold together.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use pilotlight_router::{
    Choice, Comparison, Decision, Request, Route, Router, RouterOptions, Side, compare,
};

/// Runs the target.
pub fn run(bytes: &[u8]) {
    let (routes, request) = line(bytes);
    assert_eq!(compare(routes, routes, 0.0), Comparison::Same);
    let same = |one, other| compare(one, other, 0.5) == Comparison::Same;
    assert_eq!(same(routes, request), same(request, routes));
    let Ok(routes) = serde_json::from_slice::<Vec<Route>>(routes) else { return };
    let draw = bytes.iter().fold(0, |draw, byte| mixed(draw ^ u64::from(*byte)));
    let functions = ["a", "b", "c", "d"].map(str::to_owned).into();
    let options = RouterOptions { functions, override_header: draw % 2 == 0 };
    let count = routes.len();
    let router = match Router::new(routes, options) {
        Ok(router) => router,
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            assert!(mistakes.iter().all(|m| m.route < count && !m.to_string().is_empty()));
            return;
        }
    };
    shares_sum_to_one(&router);
    with_request(request, |request| decide(&router, request, draw));
    canaries_move(&router, draw);
    with_request(request, |request| decide(&router, request, draw));
}

fn decide(router: &Router, request: Request<'_>, draw: u64) {
    let Ok(decided) = router.route(&request, draw) else { return };
    let bodiless = Request { body: None, ..request };
    let needs_body = router.needs_body(&request);
    assert_eq!(needs_body, router.needs_body(&bodiless));
    if !needs_body {
        let without = router.route(&bodiless, draw).expect("it was no mistake with a body");
        assert_eq!(decided.as_ref().map(said), without.as_ref().map(said));
    }
    let Some(decision) = decided else { return };
    // Testers may ask for any target; the route is still who may ask.
    if decision.choice == Choice::Override {
        return assert!(decision.shadow.is_none());
    }
    let index = decision.route.expect("only testers are let past the routes");
    let route = router.routes().nth(index).expect("it is one of the routes");
    let weighted = route.to.iter().find(|weighted| weighted.target == *decision.target);
    let weighted = weighted.expect("it is one of the route's targets");
    let canary = route.canary.as_ref().is_some_and(|canary| canary.target == weighted.target);
    assert!(canary || weighted.weight > 0.0, "a weight of 0 receives nobody");
    assert!(decision.shadow.is_none_or(|shadow| shadow.target != weighted.target));
    if decision.choice != Choice::Drawn {
        let other = router.route(&request, mixed(draw)).expect("no mistake").expect("a decision");
        assert_eq!(other.target, decision.target, "no draw moves who is kept");
    }
}

fn said(decision: &Decision<'_>) -> (Option<usize>, String, Choice, bool) {
    let Decision { route, target, choice, shadow, .. } = decision;
    (*route, target.to_string(), *choice, shadow.is_some())
}

fn canaries_move(router: &Router, mut draw: u64) {
    for (_, canary) in router.canaries() {
        for _ in 0..16 {
            for _ in 0..8 {
                draw = mixed(draw);
                let side = if draw.is_multiple_of(2) { Side::Canary } else { Side::Control };
                canary.observe(
                    side,
                    Duration::from_nanos(draw >> (draw % 64)),
                    draw.is_multiple_of(5),
                );
            }
            canary.advance(Duration::from_secs(draw % (1 << 20)));
            shares_sum_to_one(router);
        }
    }
}

fn shares_sum_to_one(router: &Router) {
    for shares in (0..router.routes().len()).filter_map(|route| router.shares(route)) {
        assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "{shares:?}");
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{shares:?}");
    }
}

/// Reads a request as far as it is one.
fn with_request(bytes: &[u8], then: impl FnOnce(Request<'_>)) {
    let (target, mut rest) = line(bytes);
    let Ok(target) = std::str::from_utf8(target) else { return };
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut headers = HeaderMap::new();
    while !rest.is_empty() {
        let (header, after) = line(rest);
        rest = after;
        let Some(colon) = header.iter().position(|byte| *byte == b':') else { break };
        let (name, value) = (&header[..colon], header[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            headers.append(name, value);
        }
    }
    let client = headers.get("client").and_then(|value| value.to_str().ok()?.parse().ok());
    then(Request { path, query, headers: &headers, client, body: Some(rest) });
}

fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}

/// The output function of SplitMix64.
fn mixed(draw: u64) -> u64 {
    let mut bits = draw.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
