//! A version answers the sample in its manifest, whatever its task, before it takes over.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use pilotlight::{BundleManifest, DEFAULT_FUNCTION, FunctionOptions, Host, Sample, Source};
use pilotlight_model::Digest;
use pilotlight_tests::hosts::{get, load};
use pilotlight_tests::test_guest;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The guest of the tests with `sample` in its manifest.
fn component(folder: &TempDir, sample: Sample) -> PathBuf {
    let mut component = fs::read(test_guest("p3")).unwrap();
    let manifest = BundleManifest {
        info: json!({ "model": "echo" }),
        task: "tensors".into(),
        endpoints: Vec::new(),
        splits: Vec::new(),
        sessions: Vec::new(),
        files: BTreeMap::new(),
        guest: Digest::of(b"guest"),
        pilotlight: "1".into(),
        wasmtime: "1".into(),
        graph: None,
        precision: None,
        accuracy_check: None,
        agreement: None,
        sample: Some(sample),
    };
    manifest.seal(&mut component).unwrap();
    let path = folder.path().join(format!("{}.wasm", Digest::of(&component)));
    fs::write(&path, component).unwrap();
    path
}

/// A host that serves a version without a sample.
async fn host() -> Host {
    load(test_guest("p3"), FunctionOptions::default()).await
}

/// Has a version take over whose sample was answered `answer` when it was built, and is now answered
/// with its request.
async fn swap(host: &Host, path: &str, request: Value, answer: Value) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let sample = Sample::new(path.into(), request, answer).unwrap();
    let source = Source::Component(component(&folder, sample));
    let swap = host.swap(DEFAULT_FUNCTION, source, FunctionOptions::default(), |_| {});
    swap.await.map(drop).map_err(|error| error.to_string())
}

fn embedding(scale: f64, shift: f64) -> Vec<f64> {
    (0..384).map(|place| (f64::from(place) * 0.7 + shift).sin() * scale).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_any_task_that_differ_by_noise_take_over() {
    let host = host().await;
    let rows: Vec<_> = (0..40).map(|row| embedding(0.05, f64::from(row))).collect();
    for (request, answer) in [
        (json!([{ "label": "A", "score": 0.5 }]), json!([{ "label": "A", "score": 0.515 }])),
        (json!([11.5]), json!([11.6])),
        (json!([embedding(1.0, 0.0)]), json!([embedding(1.01, 0.01)])),
        (json!({ "vectors": rows }), json!({ "vectors": rows })),
    ] {
        assert_eq!(swap(&host, "/echo", request.clone(), answer).await, Ok(()), "{request}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_answers_are_refused_and_the_old_version_serves_on() {
    let host = host().await;
    let before = host.functions()[0].current.sha256;
    let labeled = |label: &str, score: f64| json!([{ "label": label, "score": score }]);
    for (path, request, answer, reason) in [
        ("/echo", labeled("A", 0.5), labeled("B", 0.5), "\"/0/label\": different text"),
        ("/echo", labeled("A", 0.5), labeled("A", 0.6), "0.5 instead of 0.6"),
        ("/echo", json!([embedding(1.0, 2.0)]), json!([embedding(1.0, 0.0)]), "cosine"),
        ("/echo", json!([embedding(2.0, 0.0)]), json!([embedding(1.0, 0.0)]), "length"),
        ("/echo", json!(vec![1.0; 383]), json!(vec![1.0; 384]), "383 instead of 384"),
        ("/echo", json!([1.0, 2.0]), json!(vec![1.0; 384]), "a list instead of an object"),
        ("/nowhere", json!({}), json!({}), "not JSON"),
        ("/panic", json!({}), json!({}), "the answer to the sample request has status 500"),
    ] {
        let refused = swap(&host, path, request, answer).await.unwrap_err();
        assert!(refused.contains("sample request"), "{refused}");
        assert!(refused.contains(reason), "{refused}");
        assert_eq!(host.functions()[0].current.sha256, before);
        assert_eq!(get(&host, "/count").await, (200, "1".to_owned()));
    }
}
