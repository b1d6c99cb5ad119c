//! Changes that are asked for over the administration.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Channel, Full};
use pilotlight::{
    Admin, Body, Cache, DEFAULT_FUNCTION, FunctionOptions, Host, NewVersion, Readiness, Source,
};
use pilotlight_tests::hosts::PATIENCE;
use tower::Service as _;

use super::{Versions, asked};

/// An administration that tells when it plans a version, and waits to be told to go on.
fn halting(host: &Host, versions: &Versions) -> (Admin, Receiver<()>, Sender<()>) {
    let ((told, planning), (go_on, waiting)) = (channel(), channel::<()>());
    let (waiting, path) = (Mutex::new(waiting), versions.path("B"));
    let admin = Admin::new(Readiness::default()).with_swaps(move |function, _| {
        let _ = told.send(());
        let _ = waiting.lock().unwrap().recv();
        let source = Source::Component(path.clone());
        Ok(NewVersion {
            function: function.to_owned(),
            source,
            options: FunctionOptions::default(),
        })
    });
    admin.started(host.clone(), SystemTime::now(), Duration::ZERO);
    (admin, planning, go_on)
}

fn put(
    admin: &Admin,
) -> impl Future<Output = Result<Response<Body>, std::convert::Infallible>> + 'static {
    let request = Request::put("http://localhost/functions/default")
        .header("content-type", "application/json")
        .body(Full::<Bytes>::from("{\"source\": \"B.wasm\"}"));
    admin.clone().call(request.unwrap())
}

async fn until_b_serves(host: &Host) {
    let serves = async {
        while !asked(host).await.starts_with("version B") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, serves).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_goes_on_when_whoever_asked_for_it_hangs_up() {
    let versions = Versions::new();
    let host = versions.host().await;
    let (admin, planning, go_on) = halting(&host, &versions);
    let asking = tokio::spawn(put(&admin));
    tokio::task::spawn_blocking(move || planning.recv().unwrap()).await.unwrap();
    asking.abort();
    assert!(asking.await.err().unwrap().is_cancelled());
    assert!(asked(&host).await.starts_with("version A"));
    go_on.send(()).unwrap();
    until_b_serves(&host).await;
    host.roll_back(DEFAULT_FUNCTION).unwrap();
    assert!(asked(&host).await.starts_with("version A"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_breaks_off_changes_nothing() {
    let versions = Versions::new();
    let host = versions.host().await;
    let (admin, planning, _go_on) = halting(&host, &versions);
    let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(1);
    let request = Request::put("http://localhost/functions/default")
        .header("content-type", "application/wasm")
        .body(body);
    let answering = tokio::spawn(admin.clone().call(request.unwrap()));
    sender.send_data(Bytes::from_static(b"\0asm\x0d\0\x01\0")).await.unwrap();
    sender.abort(std::io::Error::other("gone"));
    assert_eq!(answering.await.unwrap().unwrap().status(), 400);
    drop(admin);
    assert!(planning.recv().is_err(), "nobody planned anything");
    assert!(asked(&host).await.starts_with("version A"));
    assert_eq!((host.functions()[0].changes, host.functions()[0].changing), (0, false));
}

/// What there is of components in a cache folder, finished or not.
fn components(cache: &std::path::Path) -> Vec<String> {
    let names = std::fs::read_dir(cache).unwrap().map(|file| file.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    names.filter(|name| name.starts_with(".pilotlight-tmp-") || name.ends_with(".wasm")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_a_component_that_did_not_come_whole() {
    const SHORT: Duration = Duration::from_millis(200);
    let (versions, folder) = (Versions::new(), tempfile::tempdir().unwrap());
    let cache = folder.path().join("cache");
    let open = Cache::open(Some(cache.clone())).unwrap();
    let host =
        Host::load(versions.source("A"), FunctionOptions::default(), open, |_| {}).await.unwrap();
    let (admin, planning, _go_on) = halting(&host, &versions);
    for (time, status) in [(SHORT, 408), (PATIENCE, 413), (PATIENCE, 400)] {
        let admin = admin.clone().with_upload_limits(1000, time);
        let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(1);
        let request = Request::put("http://localhost/functions/default")
            .header("content-type", "application/wasm")
            .body(body);
        let answering = tokio::spawn(admin.clone().call(request.unwrap()));
        sender.send_data(Bytes::from_static(&[0; 1000])).await.unwrap();
        match status {
            413 => sender.send_data(Bytes::from_static(b"x")).await.unwrap(),
            400 => sender.abort(std::io::Error::other("gone")),
            _ => {}
        }
        assert_eq!(answering.await.unwrap().unwrap().status(), status);
        assert_eq!(components(&cache), [""; 0], "{status}");
    }
    drop(admin);
    assert!(planning.recv().is_err(), "nobody planned anything");
}
