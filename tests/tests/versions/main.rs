//! Versions of a function, through the library: what a change promises to those who ask meanwhile.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod administration;
mod authentication;
mod labels;
mod routing;
mod smoke_test;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use futures::future::join_all;
use http::Request;
use http_body_util::{BodyExt as _, Channel, Full};
use pilotlight::{
    DEFAULT_FUNCTION, Error, FunctionOptions, Guest, Host, ModelCompute, Precision, Source, Target,
    Variant,
};
use pilotlight_bundle::Policy;
use pilotlight_tests::hosts::{get, load};
use pilotlight_tests::test_guest;
use tempfile::TempDir;
use tower::Service as _;

/// What the guest of the tests says of paths that it does not know.
const TEXT: &[u8] = b"nothing at ";

/// The guest of the tests, in versions that say which they are.
struct Versions(TempDir);

impl Versions {
    fn new() -> Self {
        let versions = Self(tempfile::tempdir().unwrap());
        for name in ["A", "B"] {
            let mut component = fs::read(test_guest("p3")).unwrap();
            let says = format!("version {name}: ");
            let at = component.windows(TEXT.len()).position(|text| text == TEXT).unwrap();
            component[at..at + TEXT.len()].copy_from_slice(says.as_bytes());
            fs::write(versions.path(name), component).unwrap();
        }
        versions
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(format!("{name}.wasm"))
    }

    fn source(&self, name: &str) -> Source {
        Source::Component(self.path(name))
    }

    async fn host(&self) -> Host {
        load(self.path("A"), FunctionOptions::default()).await
    }
}

async fn swap(host: &Host, source: Source) -> pilotlight::Result<()> {
    host.swap(DEFAULT_FUNCTION, source, FunctionOptions::default(), |_| {}).await.map(drop)
}

/// The version that answers, by its own account; the header has to say the same.
async fn asked(host: &Host) -> String {
    let request = Request::get("http://localhost/x").body(Full::<Bytes>::default()).unwrap();
    let (head, body) = host.clone().call(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert_eq!(head.status, 200, "{text}");
    let label = head.headers["x-pilotlight-version"].to_str().unwrap();
    assert!(label.starts_with("default@"), "{label}");
    format!("{text} {label}")
}

fn digests(host: &Host) -> (String, Option<String>) {
    let function = &host.functions()[0];
    let previous = function.previous.as_ref().map(|version| version.sha256.to_string());
    (function.current.sha256.to_string(), previous)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_takes_over_and_a_rollback_takes_that_back() {
    let versions = Versions::new();
    let host = versions.host().await;
    let first = asked(&host).await;
    assert!(first.starts_with("version A"), "{first}");
    assert!(matches!(host.roll_back(DEFAULT_FUNCTION), Err(Error::NoPrevious { .. })));
    swap(&host, versions.source("B")).await.unwrap();
    let second = asked(&host).await;
    assert!(second.starts_with("version B"), "{second}");
    let (b, a) = digests(&host);
    host.roll_back(DEFAULT_FUNCTION).unwrap();
    assert_eq!(asked(&host).await, first);
    assert_eq!(digests(&host), (a.unwrap(), Some(b)));
    host.roll_back(DEFAULT_FUNCTION).unwrap();
    assert_eq!(asked(&host).await, second);
    assert_eq!(host.functions()[0].changes, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_version_again_is_no_version_to_go_back_to() {
    let versions = Versions::new();
    let host = versions.host().await;
    swap(&host, versions.source("B")).await.unwrap();
    let before = digests(&host);
    swap(&host, versions.source("B")).await.unwrap();
    assert_eq!(digests(&host), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_finishes_on_the_version_that_it_began_on() {
    let versions = Versions::new();
    let host = versions.host().await;
    let (mut sender, body) = Channel::<Bytes>::new(1);
    let request = Request::post("http://localhost/wait").body(body).unwrap();
    let asking = tokio::spawn(host.clone().call(request));
    sender.send_data(Bytes::from_static(b"one")).await.unwrap();
    // Two changes: nobody but the request has the version that it is on any more.
    swap(&host, versions.source("B")).await.unwrap();
    let third = versions.0.path().join("third.wasm");
    let mut component = fs::read(versions.path("A")).unwrap();
    component.extend_from_slice(b"\0\x02\x01x");
    fs::write(&third, component).unwrap();
    swap(&host, Source::Component(third)).await.unwrap();
    sender.send_data(Bytes::from_static(b" two")).await.unwrap();
    drop(sender);
    let (head, body) = asking.await.unwrap().unwrap().into_parts();
    let text = body.collect().await.unwrap().to_bytes();
    assert_eq!((head.status.as_u16(), &text[..]), (200, &b"1 7"[..]));
    let label = head.headers["x-pilotlight-version"].to_str().unwrap();
    let digest = pilotlight_model::Digest::of(&fs::read(versions.path("A")).unwrap()).to_string();
    assert_eq!(label, format!("default@{}", &digest[..12]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_swaps_and_rollbacks_lose_no_request() {
    const CALLERS: usize = 8;
    const CHANGES: usize = 100;
    let versions = Versions::new();
    let host = versions.host().await;
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let callers = (0..CALLERS).map(|_| {
        let (host, stop, answered) = (host.clone(), Arc::clone(&stop), Arc::clone(&answered));
        tokio::spawn(async move {
            let mut seen = [None, None];
            while !stop.load(Ordering::Relaxed) {
                let answer = asked(&host).await;
                answered.fetch_add(1, Ordering::Relaxed);
                // Each version has a label of its own, always the same.
                let seen = &mut seen[usize::from(answer.starts_with("version B"))];
                assert_eq!(*seen.get_or_insert_with(|| answer.clone()), answer);
            }
        })
    });
    let callers: Vec<_> = callers.collect();
    for change in 0..CHANGES {
        let name = if change % 2 == 0 { "B" } else { "A" };
        swap(&host, versions.source(name)).await.unwrap();
        host.roll_back(DEFAULT_FUNCTION).unwrap();
        host.roll_back(DEFAULT_FUNCTION).unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    join_all(callers).await.into_iter().for_each(Result::unwrap);
    assert!(answered.load(Ordering::Relaxed) > CHANGES as u64);
    assert_eq!(host.functions()[0].changes, 3 * CHANGES as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_serve_leaves_the_old_version_serving() {
    let versions = Versions::new();
    let host = versions.host().await;
    let before = asked(&host).await;
    let whole = fs::read(versions.path("B")).unwrap();
    let broken = |name: &str, bytes: &[u8]| {
        let path = versions.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let trapping = wat::parse_str(include_str!("../pool/traps_at_start.wat")).unwrap();
    let refused = [
        (versions.0.path().join("absent.wasm"), "absent.wasm"),
        (broken("empty.wasm", b""), "is not a WebAssembly component"),
        (broken("truncated.wasm", &whole[..whole.len() / 2]), "cannot be compiled"),
        (broken("module.wasm", b"\0asm\x01\0\0\0"), "core WebAssembly module"),
        (broken("traps.wasm", &trapping), "no instance could be created"),
    ];
    for (path, reason) in refused {
        let error = swap(&host, Source::Component(path)).await.unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        assert_eq!(asked(&host).await, before);
    }
    let mut absurd = FunctionOptions::default();
    absurd.pool.max_instances = 0;
    let swapped = host.swap(DEFAULT_FUNCTION, versions.source("B"), absurd, |_| {}).await;
    assert!(matches!(swapped, Err(Error::Options(_))));
    let unknown =
        host.swap("other", versions.source("B"), FunctionOptions::default(), |_| {}).await;
    assert!(matches!(unknown, Err(Error::NoFunction { .. })));
    assert_eq!((asked(&host).await, host.functions()[0].changes), (before, 0));
    assert_eq!(get(&host, "/count").await, (200, "1".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_change_is_made_after_the_other_and_a_rollback_waits_for_none() {
    let versions = Versions::new();
    let host = versions.host().await;
    swap(&host, versions.source("B")).await.unwrap();
    let (entered, entering) = std::sync::mpsc::channel();
    let (go_on, waiting) = std::sync::mpsc::channel::<()>();
    let waiting = std::sync::Mutex::new(waiting);
    // Compiled nowhere before, so that it has stages to stop at.
    let mut component = fs::read(versions.path("B")).unwrap();
    component.extend_from_slice(b"\0\x02\x01y");
    let path = versions.0.path().join("slow.wasm");
    fs::write(&path, component).unwrap();
    let first = tokio::spawn({
        let host = host.clone();
        async move {
            let stage = move |_| {
                let _ = entered.send(());
                let _ = waiting.lock().unwrap().recv();
            };
            let source = Source::Component(path);
            host.swap(DEFAULT_FUNCTION, source, FunctionOptions::default(), stage).await
        }
    });
    tokio::task::spawn_blocking(move || entering.recv().unwrap()).await.unwrap();
    assert!(host.functions()[0].changing);
    assert!(matches!(swap(&host, versions.source("B")).await, Err(Error::Changing { .. })));
    host.roll_back(DEFAULT_FUNCTION).unwrap();
    assert!(asked(&host).await.starts_with("version A"));
    let (rolled_back_to, _) = digests(&host);
    drop(go_on);
    first.await.unwrap().unwrap();
    assert!(asked(&host).await.starts_with("version B"));
    assert_eq!(digests(&host).1, Some(rolled_back_to));
    assert!(!host.functions()[0].changing);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_not_shown_what_is_asked_for_now_is_not_rolled_back_to() {
    let versions = Versions::new();
    let host = versions.host().await;
    let (sealed, mut asking) = (versions.path("sealed"), FunctionOptions::default());
    let mut component = fs::read(versions.path("B")).unwrap();
    pilotlight_bundle::seal(&mut component, b"{}").unwrap();
    fs::write(&sealed, component).unwrap();
    asking.require = Some(Arc::new(Policy::Digest));
    let again = async |options: &FunctionOptions| {
        let source = Source::Component(sealed.clone());
        host.swap(DEFAULT_FUNCTION, source, options.clone(), |_| {}).await.unwrap();
        host.roll_back(DEFAULT_FUNCTION)
    };
    assert!(matches!(again(&asking).await, Err(Error::NoPrevious { .. })));
    // Asking for less lets back in what has shown more.
    swap(&host, versions.source("A")).await.unwrap();
    host.roll_back(DEFAULT_FUNCTION).unwrap();
    assert!(asked(&host).await.starts_with("version B"));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_signatures_are_required_no_folder_is_served() {
    let versions = Versions::new();
    let host = versions.host().await;
    let key = pilotlight_bundle::SigningKey::generate().unwrap().verifying_key();
    let mut asking = FunctionOptions::default();
    asking.require = Some(Arc::new(Policy::Signature { keys: vec![key] }));
    let guest = Guest::open(Some(&test_guest("p3")), Variant::InGuest(Target::Wasi03)).unwrap();
    let compute = ModelCompute::Guest(Precision::Int4);
    let folder = pilotlight_tests::root().join("models/pii-ner");
    let source = Source::Model { folder, choices: Default::default(), guest, compute };
    let swapped = host.swap(DEFAULT_FUNCTION, source, asking, |_| {}).await;
    let error = swapped.unwrap_err().to_string();
    assert!(error.contains("is a model folder, which nobody signs"), "{error}");
}
