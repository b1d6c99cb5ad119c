//! Components that show what they are: sealed, signed, refused when they are not what they were.

use std::fs;
use std::path::{Path, PathBuf};

use pilotlight::Provenance;
use pilotlight_tests::{Server, component, outcome, pilotlight, test_guest};
use tempfile::TempDir;

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
    let [[private, public], [_, other]] = ["a", "b"].map(|name| keys(&folder, name));
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
    let (code, log) = outcome(&mut pilotlight(
        &[&["serve", text(&file)], &require[..], &[text(&other)]].concat(),
    ));
    assert!(code != 0 && log.contains("signed.wasm"), "{log}");
    let (code, log) = outcome(&mut pilotlight(&["serve", text(&file), "--require", "signature"]));
    assert!(code != 0 && log.contains("no key is named"), "{log}");
}

#[test]
fn what_is_not_what_was_built_is_refused_and_the_old_version_serves_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&[test_guest("p3").to_str().unwrap()]);
    let broken = [
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
                let mut provenance = Provenance::of(bytes).unwrap().unwrap();
                provenance.sample.as_mut().unwrap().answer[0]["entity_group"] = "CITY".into();
                provenance.seal(bytes).unwrap();
            }),
            "its sample is not answered as when it was built",
        ),
    ];
    for (file, reason) in broken {
        let swap = ["swap", text(&file), "--admin", &server.admin];
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
