//! Guests that misbehave, and files that are no guests.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::path::Path;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use pilotlight::{Body, Cache, FunctionOptions, Host, Source};
use tower::Service as _;

/// A `wasi:http/incoming-handler@0.2` component whose handler is `body`.
fn handler(body: &str) -> Vec<u8> {
    let text = include_str!("handler.wat").replace("BODY", body);
    wat::parse_str(text).unwrap()
}

async fn load(
    component: &[u8],
    folder: &Path,
    options: FunctionOptions,
) -> pilotlight::Result<Host> {
    let file = folder.join("component.wasm");
    std::fs::write(&file, component).unwrap();
    let cache = Cache::open(Some(folder.join("cache")))?;
    Host::load(Source::Component(file), options, cache, |_| {}).await
}

async fn ask(host: &Host, id: Option<&str>) -> Response<Body> {
    let mut request = Request::post("http://localhost/");
    if let Some(id) = id {
        request = request.header("x-request-id", id);
    }
    let request = request.body(Full::<bytes::Bytes>::default()).unwrap();
    host.clone().call(request).await.unwrap()
}

async fn error_type(response: Response<Body>) -> String {
    assert_eq!(response.headers()["content-type"], "application/json");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    body["error_type"].as_str().unwrap().to_owned()
}

fn options(timeout: Duration) -> FunctionOptions {
    let mut options = FunctionOptions::default();
    options.pool.max_instances = 1;
    options.request_timeout = timeout;
    options
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_is_a_500_and_the_next_request_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(Duration::from_secs(60));
    let host = load(&handler("unreachable"), folder.path(), options).await.unwrap();
    for _ in 0..3 {
        let response = ask(&host, Some("mine")).await;
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()["x-request-id"], "mine");
        assert_eq!(error_type(response).await, "internal");
    }
    let made = ask(&host, Some("not valid")).await;
    assert_eq!(made.headers()["x-request-id"].len(), 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_without_end_is_a_504_and_frees_its_instance() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(Duration::from_millis(200));
    let host = load(&handler("(loop (br 0))"), folder.path(), options).await.unwrap();
    let response = ask(&host, None).await;
    assert_eq!(response.status(), 504);
    assert_eq!(error_type(response).await, "timeout");
    // With the only instance still taken this would be `overloaded`.
    assert_eq!(error_type(ask(&host, None).await).await, "timeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_panics_is_an_internal_error_and_no_fault_of_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("component.wasm");
    std::fs::write(&file, handler("unreachable")).unwrap();
    let host = Host::new(Cache::open(Some(folder.path().join("cache"))).unwrap());
    let source = || Source::Component(file.clone());
    let options = || options(Duration::from_secs(60));
    let deployed = host.deploy("a", source(), options(), |_| panic!("boom {}", 7)).await;
    host.deploy("a", source(), options(), |_| {}).await.unwrap();
    let swapped = host.swap("a", source(), options(), |_| panic!("boom 7")).await.map(drop);
    for outcome in [deployed, swapped] {
        let error = outcome.unwrap_err();
        assert!(matches!(error, pilotlight::Error::Task(_)), "{error:?}");
        let told = error.to_string();
        assert!(told.starts_with("internal error: loading a version panicked: boom 7"), "{told}");
        assert!(told.contains("report it") && !told.contains("model"), "{told}");
    }
    // The old version serves on, and the next change is not refused.
    host.swap("a", source(), options(), |_| {}).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_function_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let refused = async |component: &[u8]| {
        let loaded = load(component, folder.path(), FunctionOptions::default()).await;
        loaded.err().unwrap().to_string()
    };
    assert!(refused(b"hello").await.contains("is not a WebAssembly component"));
    assert!(
        refused(&wat::parse_str("(module)").unwrap()).await.contains("core WebAssembly module")
    );
    let component = wat::parse_str("(component)").unwrap();
    assert!(refused(&component).await.contains("exports neither"));
    let torn = handler("unreachable");
    assert!(refused(&torn[..torn.len() - 9]).await.contains("cannot be compiled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_machine_code_is_compiled_anew() {
    let folder = tempfile::tempdir().unwrap();
    let component = handler("unreachable");
    load(&component, folder.path(), FunctionOptions::default()).await.unwrap();
    for entry in std::fs::read_dir(folder.path().join("cache")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "cwasm") {
            let length = path.metadata().unwrap().len() as usize;
            std::fs::write(&path, vec![0; length]).unwrap();
        }
    }
    let host = load(&component, folder.path(), FunctionOptions::default()).await.unwrap();
    assert_eq!(ask(&host, None).await.status(), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_machine_code_is_compiled_anew_by_those_who_verify() {
    let folder = tempfile::tempdir().unwrap();
    let component = folder.path().join("component.wasm");
    std::fs::write(&component, handler("unreachable")).unwrap();
    let load = async |verify: bool| {
        let cache = Cache::open(Some(folder.path().join("cache"))).unwrap();
        let cache = if verify { cache.verifying() } else { cache };
        let stages = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let noted = std::sync::Arc::clone(&stages);
        let note = move |stage| noted.lock().unwrap().push(stage);
        let source = Source::Component(component.clone());
        let host = Host::load(source, options(Duration::from_secs(60)), cache, note).await;
        assert_eq!(ask(&host.unwrap(), None).await.status(), 500);
        stages.lock().unwrap().len()
    };
    assert_eq!(load(false).await, 1, "compiled");
    assert_eq!(load(true).await, 0, "whole");
    let files = std::fs::read_dir(folder.path().join("cache")).unwrap();
    let mut files = files.map(|entry| entry.unwrap().path());
    let code = files.find(|path| path.extension().is_some_and(|ext| ext == "cwasm")).unwrap();
    let mut damaged = std::fs::read(&code).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    // As others would find it: the old file may be mapped still.
    std::fs::remove_file(&code).unwrap();
    std::fs::write(&code, &damaged).unwrap();
    assert_eq!(load(true).await, 1, "compiled again");
    assert_ne!(std::fs::read(&code).unwrap(), damaged);
    assert_eq!(load(true).await, 0);
}
