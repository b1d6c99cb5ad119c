//! What is taken from a registry, and what is not.

use std::io::{self, Write};

use crate::stub::{Answer, Stub, component, manifest, serving, sha256};
use pilotlight_registry::{Credentials, Digest, Error, Limits, Pulled, Reference, Remote, Result};

const WASM: &str = "application/wasm";

fn pull(reference: Reference, into: &mut Vec<u8>) -> Result<Pulled> {
    let mut remote = Remote::new(reference, Credentials::Anonymous);
    remote.pull(into, &Limits::default(), &mut |_, _| {})
}

fn refused(stub: &Stub) -> Error {
    pull(stub.reference("team/x:1"), &mut Vec::new()).unwrap_err()
}

/// A registry that has one component.
fn with(content: Vec<u8>) -> Stub {
    let manifest = manifest(&[WASM], &content);
    Stub::start(serving(manifest, move || Some(Answer::status(200).body(content.clone()))))
}

#[test]
fn a_component_comes_back_with_its_digests() {
    let content = component("a");
    let stub = with(content.clone());
    let mut into = Vec::new();
    let pulled = pull(stub.reference("team/x:1"), &mut into).unwrap();
    let manifest = Digest::of(manifest(&[WASM], &content).as_bytes());
    assert_eq!(into, content);
    let (layer, size) = (Digest::of(&content), content.len() as u64);
    assert_eq!(pulled, Pulled { manifest, layer, size, graph: None });
    let blob = format!("GET /v2/team/x/blobs/{}", sha256(&content));
    assert_eq!(stub.lines(), ["GET /v2/team/x/manifests/1", &blob]);
}

#[test]
fn a_digest_in_the_reference_is_what_is_asked_for_and_compared() {
    let content = component("a");
    let stub = with(content.clone());
    let right = sha256(manifest(&[WASM], &content).as_bytes());
    pull(stub.reference(&format!("x:1@{right}")), &mut Vec::new()).unwrap();
    assert_eq!(stub.lines()[0], format!("GET /v2/x/manifests/{right}"));
    let wrong = sha256(b"another manifest");
    let error = pull(stub.reference(&format!("x@{wrong}")), &mut Vec::new()).unwrap_err();
    assert!(matches!(error, Error::Digest { .. }), "{error:?}");
    assert!(error.to_string().contains(&right), "{error}");
}

#[test]
fn the_component_among_other_layers_is_taken() {
    let content = component("a");
    let manifest = manifest(&["application/x-yaml", WASM, "text/plain"], &content);
    let body = content.clone();
    let stub = Stub::start(serving(manifest, move || Some(Answer::status(200).body(body.clone()))));
    let mut into = Vec::new();
    pull(stub.reference("x"), &mut into).unwrap();
    assert_eq!(into, content);
}

#[test]
fn anything_but_a_wasm_artifact_is_refused_by_its_name() {
    let image = manifest(&[WASM], b"")
        .replace("application/vnd.wasm.config.v0+json", "application/vnd.oci.image.config.v1+json");
    let docker = manifest(&[WASM], b"")
        .replace("vnd.oci.image.manifest.v1", "vnd.docker.distribution.manifest.v2");
    let long = manifest(&[&"x".repeat(5000)], b"");
    let cases = [
        (
            image,
            "its config has type application/vnd.oci.image.config.v1+json, not \
             application/vnd.wasm.config.v0+json",
        ),
        (docker, "it has type application/vnd.docker.distribution.manifest.v2+json"),
        (manifest(&[], b""), "none of its layers is of type application/wasm: it has no layers"),
        (manifest(&["application/zip", "text/plain"], b""), "application/zip, text/plain"),
        (
            manifest(&[WASM, WASM, "text/plain"], b""),
            "it has 2 layers of type application/wasm, not one",
        ),
        (manifest(&[WASM], b"").replace("sha256:", "sha512:"), "no SHA-256 digest: sha512:"),
        (r#"{"schemaVersion":1}"#.to_owned(), "it has type , not"),
        ("<html>".to_owned(), "its manifest cannot be read"),
        (long, "xxx…"),
    ];
    for (manifest, expected) in cases {
        let stub = Stub::start(serving(manifest, || None));
        let error = refused(&stub);
        assert!(matches!(error, Error::Artifact { .. }), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(stub.seen().len(), 1, "nothing but the manifest is read");
    }
}

#[test]
fn too_large_a_component_is_refused_before_it_is_read() {
    let manifest = manifest(&[WASM], b"").replace("\"size\":0", "\"size\":18446744073709551615");
    let stub = Stub::start(serving(manifest, || None));
    let error = refused(&stub);
    assert!(matches!(error, Error::TooLarge { limit: 2_147_483_648, .. }), "{error:?}");
    assert_eq!(stub.seen().len(), 1);

    let content = component("a");
    let stub = with(content.clone());
    let mut remote = Remote::new(stub.reference("x"), Credentials::Anonymous);
    let mut fits = Limits { size: content.len() as u64, ..Limits::default() };
    remote.pull(&mut Vec::new(), &fits, &mut |_, _| {}).unwrap();
    fits.size -= 1;
    let error = remote.pull(&mut Vec::new(), &fits, &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
}

#[test]
fn a_length_other_than_the_manifests_is_refused_before_it_is_read() {
    let content = component("a");
    let body = content.clone();
    let stub = Stub::start(serving(manifest(&[WASM], &content), move || {
        let answer = Answer::status(200).body(body.clone());
        Some(Answer { length: Some(1 << 60), ..answer })
    }));
    let mut into = Vec::new();
    let error = pull(stub.reference("x"), &mut into).unwrap_err().to_string();
    assert!(error.contains("it sends 1152921504606846976 bytes"), "{error}");
    assert!(into.is_empty());
}

#[test]
fn an_endless_manifest_is_not_read_to_its_end() {
    let stub = Stub::start(|_| Some(Answer::status(200).body(vec![b' '; (4 << 20) + 1])));
    let error = refused(&stub).to_string();
    assert!(error.contains("larger than request limit"), "{error}");
}

#[test]
fn other_bytes_of_the_same_length_are_refused() {
    let content = component("a");
    let other = component("b");
    let stub = Stub::start(serving(manifest(&[WASM], &content), move || {
        Some(Answer::status(200).body(other.clone()))
    }));
    let error = refused(&stub);
    assert!(matches!(error, Error::Digest { .. }), "{error:?}");
    assert!(error.to_string().contains("it is discarded"), "{error}");
}

#[test]
fn a_manifest_other_than_its_header_says_is_refused() {
    let stub = Stub::start(|_| {
        let answer = Answer::status(200).body(manifest(&[WASM], b""));
        Some(answer.header("docker-content-digest", &sha256(b"another")))
    });
    assert!(matches!(refused(&stub), Error::Digest { .. }));
}

/// Serves half of a component.
fn cut(content: &[u8]) -> Stub {
    let half = content[..content.len() / 2].to_vec();
    let length = Some(content.len() as u64);
    Stub::start(serving(manifest(&[WASM], content), move || {
        Some(Answer { length, ..Answer::status(200).body(half.clone()) })
    }))
}

#[test]
fn a_file_is_there_only_once_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("x.wasm");
    let content = component("a");
    let pull = |stub: &Stub| {
        let mut remote = Remote::new(stub.reference("x"), Credentials::Anonymous);
        remote.pull_file(&place, &Limits::default(), &mut |_, _| {})
    };
    let error = pull(&cut(&content)).unwrap_err();
    let (half, whole) = (content.len() as u64 / 2, content.len() as u64);
    assert!(
        matches!(error, Error::Truncated { expected, found, .. } if (found, expected) == (half, whole)),
        "{error:?}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    pull(&with(content.clone())).unwrap();
    pull(&cut(&content)).unwrap_err();
    assert_eq!(std::fs::read(&place).unwrap(), content);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_full_disk_is_told_and_ends_the_pull() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            if taken == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let stub = with(component("a"));
    let mut remote = Remote::new(stub.reference("x"), Credentials::Anonymous);
    let error = remote.pull(&mut Full(10), &Limits::default(), &mut |_, _| {}).unwrap_err();
    assert!(matches!(&error, Error::Write(error) if error.kind() == io::ErrorKind::StorageFull));
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let stub = with(component("a"));
    let mut remote = Remote::new(stub.reference("x"), Credentials::Anonymous);
    let place = std::path::Path::new("/nowhere/at/all/x.wasm");
    let error = remote.pull_file(place, &Limits::default(), &mut |_, _| {}).unwrap_err();
    assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    assert!(stub.seen().is_empty(), "nothing is asked for that has no place");
}

#[test]
fn statuses_are_told_apart() {
    let unknown = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
    let stub = Stub::start(move |_| Some(Answer::status(404).body(unknown)));
    let error = refused(&stub);
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    assert!(error.to_string().ends_with("/team/x:1 does not exist: manifest unknown"), "{error}");

    for (after, expected) in [
        (Some("7"), "try again in 7 s"),
        (Some("Fri"), "try again after Fri"),
        (None, "try again later"),
    ] {
        let stub = Stub::start(move |_| {
            Some(
                after
                    .iter()
                    .fold(Answer::status(429), |answer, after| answer.header("retry-after", after)),
            )
        });
        let error = refused(&stub);
        assert!(matches!(error, Error::TooManyRequests { .. }), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(stub.seen().len(), 1, "it is not asked again at once");
    }

    let stub = Stub::start(|_| Some(Answer::status(503).body("<html>busy</html>")));
    assert!(refused(&stub).to_string().ends_with("pulling: status 503 Service Unavailable"));
    let stub = Stub::start(|_| None);
    assert!(matches!(refused(&stub), Error::Unreachable { .. }));
}
