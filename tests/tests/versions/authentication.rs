//! Routes with authentication or de-identification, through the library.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Channel, Full};
use pilotlight::{Body, Error, FileCheck, Host, Plan};
use pilotlight_auth::{ApiKey, AuthOptions};
use pilotlight_deidentify::{DeidentifyOptions, Mode};
use pilotlight_router::Route;
use serde_json::{Value, json};
use tower::Service as _;

use crate::Versions;

fn write(path: &Path, entry: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, entry).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(&beside, path).unwrap();
}

/// An access by the keys in a file.
fn keys(file: PathBuf, rate: Option<f64>) -> BTreeMap<String, AuthOptions> {
    let options = AuthOptions { api_keys: Some(file), rate, ..AuthOptions::default() };
    BTreeMap::from([("keys".to_owned(), options)])
}

fn plan(host: &Host, auth: BTreeMap<String, AuthOptions>, routes: Value) -> Plan {
    let unchanged = host.functions().into_iter().map(|function| function.name).collect();
    let routes: Vec<Route> = serde_json::from_value(routes).unwrap();
    Plan { unchanged, routes, auth, ..Plan::default() }
}

async fn call(host: &Host, request: Request<Full<Bytes>>) -> Response<Body> {
    host.clone().call(request).await.unwrap()
}

fn get(key: &str) -> Request<Full<Bytes>> {
    Request::get("http://localhost/count").header("x-api-key", key).body(Full::default()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_ask_is_refused_before_the_body_has_come() {
    let versions = Versions::new();
    let host = versions.host().await;
    let (key, file) = (ApiKey::generate("a").unwrap(), versions.path("keys"));
    write(&file, &key.entry());
    // Which route it is depends on the body; who may ask does not.
    let routes = json!([
        { "match": { "json": { "/x": 1 } }, "to": "default", "auth": "keys" },
        { "to": "default", "auth": "keys" },
    ]);
    host.apply(plan(&host, keys(file, None), routes)).await.unwrap();
    let (_never_sent, body) = Channel::<Bytes, std::io::Error>::new(1);
    let request = Request::post("http://localhost/count").body(body).unwrap();
    let refused = host.clone().call(request).await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(host.pool("default").unwrap().acquired_ready, 0, "no instance was taken");
    assert_eq!(call(&host, get(key.expose())).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tester_shows_who_he_is_as_the_route_says() {
    let versions = Versions::new();
    let host = versions.host().await;
    let (key, file) = (ApiKey::generate("a").unwrap(), versions.path("keys"));
    write(&file, &key.entry());
    let routes = json!([{ "match": { "path": "/count" }, "to": "default", "auth": "keys" }]);
    let options = keys(file, None);
    let testers = Plan { override_header: true, ..plan(&host, options, routes) };
    host.apply(testers).await.unwrap();
    let tester = |key: &str| {
        let mut request = get(key);
        request.headers_mut().insert("x-pilotlight-version", "default".parse().unwrap());
        request
    };
    assert_eq!(call(&host, tester("pl_a_wrong")).await.status(), 401);
    assert_eq!(call(&host, tester(key.expose())).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_callers_have_left_outlasts_routes_and_files() {
    let versions = Versions::new();
    let host = versions.host().await;
    let (key, file) = (ApiKey::generate("a").unwrap(), versions.path("keys"));
    write(&file, &key.entry());
    let routes = json!([{ "to": "default", "auth": "keys" }]);
    host.apply(plan(&host, keys(file.clone(), Some(0.001)), routes.clone())).await.unwrap();
    assert_eq!(call(&host, get(key.expose())).await.status(), 200);
    assert_eq!(call(&host, get(key.expose())).await.status(), 429);
    assert_eq!(host.routes()[0].refused.rate_limited, 1);
    write(&file, &format!("{}name = \"Ada\"\n", key.entry()));
    host.check_files(FileCheck::Requested);
    assert_eq!(call(&host, get(key.expose())).await.status(), 429);
    host.apply(plan(&host, keys(file, Some(0.002)), routes)).await.unwrap();
    assert_eq!(call(&host, get(key.expose())).await.status(), 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_counted_by_its_kind() {
    let versions = Versions::new();
    let host = versions.host().await;
    let (key, file) = (ApiKey::generate("a").unwrap(), versions.path("keys"));
    write(&file, &key.entry());
    let redact = DeidentifyOptions {
        mode: Mode::Redact,
        cipher: None,
        keys: None,
        labels: None,
        actions: BTreeMap::new(),
        thresholds: BTreeMap::new(),
        placeholder: None,
    };
    let routes = json!([{ "to": "default", "auth": "keys", "deidentify": "p" }]);
    let deidentify = BTreeMap::from([("p".to_owned(), redact)]);
    let plan = Plan { deidentify, ..plan(&host, keys(file, Some(0.001)), routes) };
    host.apply(plan).await.unwrap();
    let counted = |kind: &str| {
        let (_, text) = host.metrics().render("");
        let series = format!("pilotlight_errors_total{{kind=\"{kind}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&series)?.parse::<u64>().ok())
    };
    let refusals = [
        ("pl_a_wrong", 401, "unauthorized"),
        (key.expose(), 403, "forbidden"),
        (key.expose(), 429, "rate_limited"),
    ];
    for (key, status, kind) in refusals {
        let mut request = get(key);
        request.headers_mut().insert("x-request-id", "mine".parse().unwrap());
        let refused = call(&host, request).await;
        assert_eq!(refused.status(), status);
        assert_eq!(refused.headers()["x-request-id"], "mine", "{kind}");
        drop(refused);
        assert_eq!(counted(kind), Some(1), "{kind}");
    }
    assert_eq!(host.pool("default").unwrap().acquired_ready, 0, "no instance was taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_there_are_not_and_decryption_for_anybody_change_nothing() {
    let versions = Versions::new();
    let host = versions.host().await;
    let encrypt = DeidentifyOptions {
        mode: Mode::Encrypt,
        cipher: None,
        keys: Some(versions.path("ring")),
        labels: None,
        actions: BTreeMap::new(),
        thresholds: BTreeMap::new(),
        placeholder: None,
    };
    pilotlight_deidentify::Keyring::generate(&versions.path("ring"), &"k1".parse().unwrap())
        .unwrap();
    let everybody = BTreeMap::from([("all".to_owned(), AuthOptions::default())]);
    for (route, why) in [
        (json!({ "to": "default", "auth": "keys" }), "`[auth]` section `keys` does not exist"),
        (
            json!({ "to": "default", "deidentify": "q" }),
            "`[deidentify]` section `q` does not exist; there are: p",
        ),
        (json!({ "to": "default", "deidentify": "p" }), "anyone could decrypt"),
        (json!({ "to": "default", "deidentify": "p", "auth": "all" }), "anyone could"),
    ] {
        let mut plan = plan(&host, everybody.clone(), json!([route]));
        plan.deidentify.insert("p".to_owned(), encrypt.clone());
        let error = host.apply(plan).await.unwrap_err();
        assert!(matches!(&error, Error::Options(message) if message.contains(why)), "{error}");
    }
    let missing = keys(versions.path("none"), None);
    let error = host.apply(plan(&host, missing, json!([{ "to": "default" }]))).await.unwrap_err();
    assert!(matches!(error, Error::Auth { .. }), "{error}");
    assert_eq!(call(&host, get("")).await.status(), 200);
}
