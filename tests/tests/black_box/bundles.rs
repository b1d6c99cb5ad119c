//! Components that show what they are: sealed, signed, refused when they are not what they were.

use std::fs;
use std::path::{Path, PathBuf};

use pilotlight::BundleManifest;
use pilotlight_tests::{Server, component, outcome, pilotlight, test_guest};
use serde_json::json;
use tempfile::TempDir;
use wasmparser::{Validator, WasmFeatures};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A key pair: the private key's file and the public one's.
fn keys(folder: &TempDir, name: &str) -> [PathBuf; 2] {
    let key = folder.path().join(name);
    let (code, log) = outcome(&mut pilotlight(&["keygen", text(&key)]));
    assert_eq!(code, 0, "{log}");
    let public = folder.path().join(format!("{name}.pub"));
    [key, public]
}

/// The default model's component, changed.
fn changed(folder: &TempDir, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let mut bytes = fs::read(component()).unwrap();
    change(&mut bytes);
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_component_is_signed_and_only_the_right_key_verifies_it() {
    let folder = tempfile::tempdir().unwrap();
    let [[private, public], [other_private, other]] = ["a", "b"].map(|name| keys(&folder, name));
    let file = changed(&folder, "signed.wasm", |_| {});
    let verify =
        |key: &Path| outcome(&mut pilotlight(&["verify", text(&file), "--key", text(key)]));
    assert_eq!(outcome(&mut pilotlight(&["verify", text(&file)])).0, 0);
    assert_ne!(verify(&public).0, 0, "nobody has signed it");
    let sign = ["sign", text(&file), "--key", text(&private)];
    assert_eq!(outcome(&mut pilotlight(&sign)).0, 0);
    assert_eq!(verify(&public).0, 0);
    assert_ne!(verify(&other).0, 0);
    let require = ["--require", "signature", "--key"];
    let server = Server::start(&[&[text(&file)], &require[..], &[text(&public)]].concat());
    assert_eq!(server.get("/info").status, 200);
    let stranger = changed(&folder, "stranger.wasm", |_| {});
    let sign = ["sign", text(&stranger), "--key", text(&other_private)];
    assert_eq!(outcome(&mut pilotlight(&sign)).0, 0);
    let swap = ["swap", text(&stranger), "--admin", &server.socket];
    let (code, log) = outcome(&mut pilotlight(&swap));
    assert!(code != 0 && log.contains("stranger.wasm"), "{log}");
    assert_eq!(server.get("/info").status, 200);
    let (code, log) = outcome(&mut pilotlight(
        &[&["serve", text(&file)], &require[..], &[text(&other)]].concat(),
    ));
    assert!(code != 0 && log.contains("signed.wasm"), "{log}");
    let (code, log) = outcome(&mut pilotlight(&["serve", text(&file), "--require", "signature"]));
    assert!(code != 0 && log.contains("no public key is configured"), "{log}");
}

/// What `inspect` tells of the seal.
fn seal(file: &Path, keys: &[&Path]) -> serde_json::Value {
    let mut inspect = pilotlight(&["inspect", "--json", text(file)]);
    inspect.args(keys.iter().flat_map(|key| ["--key", text(key)]));
    let output = inspect.output().unwrap();
    let mut told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    told["seal"].take()
}

#[test]
fn a_sealed_or_signed_component_is_valid_webassembly_and_tells_who_signed_it() {
    let folder = tempfile::tempdir().unwrap();
    let [[private, public], [other_private, other]] = ["a", "b"].map(|name| keys(&folder, name));
    let file = changed(&folder, "signed.wasm", |_| {});
    let valid = || {
        // As `wasm-tools validate --features cm-async` does it.
        let features = WasmFeatures::default() | WasmFeatures::CM_ASYNC;
        Validator::new_with_features(features).validate_all(&fs::read(&file).unwrap()).unwrap();
    };
    valid();
    assert_eq!(seal(&file, &[&public])["signatures"], json!([]));
    for key in [&private, &other_private] {
        let sign = ["sign", text(&file), "--key", text(key)];
        assert_eq!(outcome(&mut pilotlight(&sign)).0, 0);
        valid();
    }
    let [id, other_id] = [&public, &other].map(|key| {
        let pem = fs::read_to_string(key).unwrap();
        pilotlight_bundle::VerifyingKey::from_pem(&pem).unwrap().id().to_string()
    });
    let signatures = |key: serde_json::Value, other: serde_json::Value| json!([{"key": id, "valid": key}, {"key": other_id, "valid": other}]);
    assert_eq!(seal(&file, &[])["signatures"], signatures(json!(null), json!(null)));
    assert_eq!(seal(&file, &[&public])["signatures"], signatures(json!(true), json!(null)));
    let last = fs::metadata(&file).unwrap().len() as usize - 1;
    let mut bytes = fs::read(&file).unwrap();
    bytes[last] ^= 1;
    fs::write(&file, bytes).unwrap();
    let sealed = seal(&file, &[&public, &other]);
    assert_eq!(sealed["signatures"], signatures(json!(true), json!(false)));
    let told = pilotlight(&["inspect", text(&file), "--key", text(&public)]).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    for part in [
        format!("sealed     {}", sealed["sha256"].as_str().unwrap()),
        format!("signature  by {id}, valid"),
        format!("signature  by {other_id}, not verified"),
    ] {
        assert!(told.contains(&part), "{part} is not in:\n{told}");
    }
}

#[test]
fn a_component_without_a_seal_says_so() {
    assert_eq!(seal(&test_guest("p3"), &[]), json!(null));
    let told = pilotlight(&["inspect", text(&test_guest("p3"))]).output().unwrap();
    assert!(String::from_utf8(told.stdout).unwrap().contains("sealed     no"));
}

#[test]
fn what_is_not_what_was_built_is_refused_and_the_old_version_serves_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&[test_guest("p3").to_str().unwrap()]);
    let trapping = |bytes: &mut Vec<u8>| {
        let mut manifest = BundleManifest::of(bytes).unwrap().unwrap();
        manifest.sample.as_mut().unwrap().path = "/panic".into();
        *bytes = fs::read(test_guest("p3")).unwrap();
        manifest.seal(bytes).unwrap();
    };
    let broken = [
        (changed(&folder, "traps.wasm", trapping), "sample request"),
        (changed(&folder, "flipped.wasm", |bytes| bytes[5_000_000] ^= 1), "flipped.wasm"),
        (changed(&folder, "cut.wasm", |bytes| bytes.truncate(10_000_000)), "cut.wasm"),
        (
            changed(&folder, "manifest.wasm", |bytes| {
                let end = bytes.len() - 200;
                bytes[end] ^= 1;
            }),
            "manifest.wasm",
        ),
        (
            changed(&folder, "sample.wasm", |bytes| {
                let mut manifest = BundleManifest::of(bytes).unwrap().unwrap();
                manifest.sample.as_mut().unwrap().answer[0]["entity_group"] = "CITY".into();
                manifest.seal(bytes).unwrap();
            }),
            "differs from the answer at build time",
        ),
    ];
    for (file, reason) in broken {
        let swap = ["swap", text(&file), "--admin", &server.socket];
        let (code, log) = outcome(&mut pilotlight(&swap));
        assert!(code != 0 && log.contains(reason), "{log}");
        assert_eq!(server.get("/count").text, "1");
    }
}

#[test]
fn unsealed_components_are_refused_where_seals_are_required() {
    let file = test_guest("p3");
    let (code, log) = outcome(&mut pilotlight(&["serve", text(&file), "--require", "digest"]));
    assert!(code != 0 && log.contains("test_guest_p3.wasm"), "{log}");
}
