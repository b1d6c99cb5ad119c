//! Routes at work: who answers, who is asked as well, and what becomes of a canary.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Channel, Full};
use pilotlight::{Body, Cache, Error, FunctionOptions, Host, NewVersion, Plan, Source};
use pilotlight_router::Route;
use serde_json::{Value, json};
use tower::Service as _;

use crate::Versions;
use crate::hosts::PATIENCE;

/// Answers nothing but failures.
const TRAPS: &str = include_str!("../../../host/tests/handler.wat");

async fn host(versions: &Versions) -> Host {
    let traps = versions.path("traps");
    std::fs::write(&traps, wat::parse_str(TRAPS.replace("BODY", "unreachable")).unwrap()).unwrap();
    let cache = Cache::open(Some(pilotlight_tests::cache().to_owned())).unwrap();
    let host = Host::new(cache);
    for (name, version) in [("broken", "traps"), ("default", "A"), ("other", "B"), ("twin", "A")] {
        let source = Source::Component(versions.path(version));
        host.deploy(name, source, FunctionOptions::default(), |_| {}).await.unwrap();
    }
    host
}

/// Has `host` follow `routes`, with all its functions as they are.
async fn apply(host: &Host, routes: Vec<Route>, override_header: bool) -> pilotlight::Result<()> {
    let unchanged = host.functions().into_iter().map(|function| function.name).collect();
    host.apply(Plan { unchanged, routes, override_header, ..Plan::default() }).await
}

fn routes(routes: Value) -> Vec<Route> {
    serde_json::from_value(routes).unwrap()
}

async fn send(host: &Host, request: Request<Full<Bytes>>) -> (u16, String) {
    let response: Response<Body> = host.clone().call(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
}

fn get(path: &str) -> Request<Full<Bytes>> {
    Request::get(format!("http://localhost{path}")).body(Full::default()).unwrap()
}

fn post(body: &str) -> Request<Full<Bytes>> {
    Request::post("http://localhost/x").body(Full::new(Bytes::from(body.to_owned()))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_route_that_matches_says_who_answers() {
    let versions = Versions::new();
    let host = host(&versions).await;
    apply(
        &host,
        routes(json!([
            {"match": {"path": "/b/*"}, "to": "other"},
            {"match": {"json": {"/model": "b"}}, "to": "other"},
            {"match": {"query": {"old": "*"}}, "to": "default@previous"},
            {"match": {"path": "/none"}, "to": [{"target": "default", "weight": 1}]},
            {"match": {"path": "/x"}, "to": "default"},
        ])),
        false,
    )
    .await
    .unwrap();
    let answers = |answer: (u16, String), says: &str| {
        assert_eq!((answer.0, answer.1.starts_with(says)), (200, true), "{answer:?}");
    };
    answers(send(&host, get("/b/x")).await, "version B");
    answers(send(&host, post(r#"{"model": "b"}"#)).await, "version B");
    answers(send(&host, post(r#"{"model": "c"}"#)).await, "version A");
    answers(send(&host, post("no JSON")).await, "version A");
    assert_eq!(send(&host, get("/elsewhere")).await.0, 404);
    assert_eq!(send(&host, get("/x?old=1")).await.0, 503, "there is no previous version");
    let long = format!(r#"{{"model": "{}"}}"#, "x".repeat(2 << 20));
    assert_eq!(send(&host, post(&long)).await.0, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_split_by_the_weights() {
    const REQUESTS: u32 = 100_000;
    let versions = Versions::new();
    let host = host(&versions).await;
    // Versions that are not there are told apart, and take no instance.
    let targets = json!([
        {"target": "default@previous", "weight": 1}, {"target": "other@previous", "weight": 3},
    ]);
    apply(&host, routes(json!([{"to": targets}])), false).await.unwrap();
    let mut first = 0;
    for _ in 0..REQUESTS {
        let (status, text) = send(&host, get("/x")).await;
        assert_eq!(status, 503);
        first += u32::from(text.contains("default@previous"));
    }
    // Once in a million times it is further off: five standard deviations.
    let (mean, deviation) = (f64::from(REQUESTS) / 4.0, (f64::from(REQUESTS) * 3.0 / 16.0).sqrt());
    assert!((f64::from(first) - mean).abs() < 5.0 * deviation, "{first} of {REQUESTS}");
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_with_mistakes_replace_none() {
    let versions = Versions::new();
    let host = host(&versions).await;
    apply(&host, routes(json!([{"to": "other"}])), false).await.unwrap();
    let wrong = routes(json!([
        {"to": "nobody"},
        {"to": [{"target": "default", "weight": -1.0}, {"target": "other"}]},
    ]));
    let Err(Error::Routes(mistakes)) = apply(&host, wrong, false).await else { panic!() };
    assert!(mistakes.len() >= 2, "{mistakes:?}");
    assert!(send(&host, get("/x")).await.1.starts_with("version B"));
    apply(&host, vec![], false).await.unwrap();
    assert!(send(&host, get("/x")).await.1.starts_with("version A"));
}

#[tokio::test(flavor = "multi_thread")]
async fn testers_choose_by_header_only_where_they_may() {
    let versions = Versions::new();
    let host = host(&versions).await;
    let chosen = |value: &str| {
        let request = Request::get("http://localhost/x").header("x-pilotlight-version", value);
        request.body(Full::default()).unwrap()
    };
    assert!(send(&host, chosen("other")).await.1.starts_with("version A"));
    apply(&host, vec![], true).await.unwrap();
    assert!(send(&host, chosen("other")).await.1.starts_with("version B"));
    assert!(send(&host, get("/x")).await.1.starts_with("version A"));
    assert_eq!(send(&host, chosen("nobody")).await.0, 400);
    assert_eq!(send(&host, chosen("other@previous")).await.0, 503);
}

/// Waits until the only route is as it should be.
async fn until(host: &Host, reached: impl Fn(&Value) -> bool) {
    let start = Instant::now();
    loop {
        let route = json!(host.routes()[0]);
        if reached(&route) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{route}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shadows_are_compared_and_nobody_sees_them() {
    let versions = Versions::new();
    let host = host(&versions).await;
    for (shadow, count) in [("twin", "same"), ("other", "different"), ("broken", "different")] {
        let route = json!({"to": "default", "shadow": {"target": shadow, "share": 1.0}});
        apply(&host, routes(json!([route])), false).await.unwrap();
        for _ in 0..10 {
            assert!(send(&host, post("text")).await.1.starts_with("version A"));
        }
        until(&host, |route| {
            let shadowed = &route["shadowed"];
            let counted = |key: &str| shadowed[key].as_u64().unwrap();
            counted(count) + counted("skipped") == 10 && counted(count) > 0
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_fails_gets_no_more_requests() {
    let versions = Versions::new();
    let host = host(&versions).await;
    let route = json!({
        "to": [{"target": "default"}, {"target": "broken"}],
        "canary": {
            "target": "broken", "steps": [{"share": 0.5, "for": "1h"}, {"share": 1.0, "for": "1h"}],
            "min-requests": 20,
        },
    });
    apply(&host, routes(json!([route.clone()])), false).await.unwrap();
    let statuses = join_all((0..100).map(|_| send(&host, get("/x")))).await;
    assert!(statuses.iter().any(|(status, _)| *status == 500));
    until(&host, |route| route["canary"]["phase"] == "rolled_back").await;
    let reason = json!(host.routes()[0])["canary"]["reason"].to_string();
    assert!(reason.contains("requests failed"), "{reason}");
    for _ in 0..50 {
        assert_eq!(send(&host, get("/x")).await.0, 200);
    }
    // The same routes again, as after a change elsewhere: what was rolled back stays so.
    apply(&host, routes(json!([route])), false).await.unwrap();
    assert_eq!(json!(host.routes()[0])["canary"]["phase"], "rolled_back");
    assert_eq!(json!(host.routes()[0])["targets"][1][1], 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_is_not_there_gets_no_more_requests() {
    let versions = Versions::new();
    let host = host(&versions).await;
    let route = json!({
        "to": [{"target": "default"}, {"target": "default@previous"}],
        "canary": {"target": "default@previous", "steps": [{"share": 0.5, "for": "1h"}]},
    });
    apply(&host, routes(json!([route])), false).await.unwrap();
    let statuses = join_all((0..100).map(|_| send(&host, get("/x")))).await;
    assert!(statuses.iter().any(|(status, _)| *status == 503));
    until(&host, |route| route["canary"]["phase"] == "rolled_back").await;
    assert_eq!(send(&host, get("/x")).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn canaries_are_judged_by_callers_that_gave_up_and_by_answers_that_broke_off() {
    let versions = Versions::new();
    let host = host(&versions).await;
    let route = json!({
        "to": [{"target": "default"}, {"target": "other"}],
        "canary": {"target": "other", "steps": [{"share": 0.5, "for": "1h"}]},
    });
    apply(&host, routes(json!([route])), false).await.unwrap();
    for _ in 0..5 {
        let (sender, body) = Channel::<Bytes>::new(1);
        let request = Request::post("http://localhost/wait").body(body).unwrap();
        // It is answered when its body has ended, and that does not end.
        let answer = tokio::time::timeout(Duration::from_millis(10), host.clone().call(request));
        assert!(answer.await.is_err());
        drop(sender);
    }
    let seen = |key: &str| {
        let canary = json!(host.routes()[0])["canary"].clone();
        ["canary", "control"].map(|side| canary[side][key].as_u64().unwrap()).iter().sum::<u64>()
    };
    assert_eq!((seen("requests"), seen("failures")), (5, 0));
    let half = host.clone().call(get("/half")).await.unwrap();
    assert_eq!(half.status(), 200);
    assert!(half.into_body().collect().await.is_err());
    assert_eq!((seen("requests"), seen("failures")), (6, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_shadows_have_said_outlives_a_change_elsewhere() {
    let versions = Versions::new();
    let host = host(&versions).await;
    let shadow = json!({"target": "default@previous", "share": 1.0});
    let route = json!({"name": "a", "to": "default", "shadow": shadow});
    let elsewhere = json!({"match": {"path": "/elsewhere"}, "to": "other"});
    apply(&host, routes(json!([route])), false).await.unwrap();
    send(&host, post("text")).await;
    let skipped = |route: usize| json!(host.routes()[route])["shadowed"]["skipped"].clone();
    assert_eq!(skipped(0), 1, "there is no such version");
    apply(&host, routes(json!([elsewhere, route])), false).await.unwrap();
    assert_eq!(skipped(1), 1);
    let mut another = route.clone();
    another["name"] = json!("b");
    apply(&host, routes(json!([another])), false).await.unwrap();
    assert_eq!(skipped(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_takes_effect_whole_or_not_at_all() {
    let versions = Versions::new();
    let host = host(&versions).await;
    let new = |function: &str, version: &str| NewVersion {
        function: function.into(),
        source: Source::Component(versions.path(version)),
        options: FunctionOptions::default(),
    };
    let plan = |versions: Vec<NewVersion>| Plan {
        versions,
        unchanged: ["other".to_owned()].into(),
        routes: routes(json!([{"match": {"path": "/n"}, "to": "new"}, {"to": "default"}])),
        override_header: false,
        ..Plan::default()
    };
    let names = || host.functions().into_iter().map(|one| one.name).collect::<Vec<_>>();
    let refused = host.apply(plan(vec![new("default", "B"), new("new", "absent")])).await;
    assert!(refused.is_err());
    assert!(send(&host, get("/n")).await.1.starts_with("version A"));
    assert_eq!(names(), ["broken", "default", "other", "twin"]);
    host.apply(plan(vec![new("default", "B"), new("new", "A")])).await.unwrap();
    assert!(send(&host, get("/n")).await.1.starts_with("version A"));
    assert!(send(&host, get("/x")).await.1.starts_with("version B"));
    assert_eq!(names(), ["default", "new", "other"]);
}
