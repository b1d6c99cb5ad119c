//! References that name several artifacts.

use crate::stub::{Answer, Stub, component, manifest, sha256};
use pilotlight_registry::{Credentials, Digest, Error, Limits, Pulled, Remote, Result};

const WASM: &str = "application/wasm";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// An entry of an index for `manifest`, with `more` members.
fn entry(manifest: &str, more: &str) -> String {
    let (digest, size) = (sha256(manifest.as_bytes()), manifest.len());
    format!(r#"{{"mediaType":"{MANIFEST}","digest":"{digest}","size":{size}{more}}}"#)
}

fn platform(os: &str, architecture: &str) -> String {
    format!(r#","platform":{{"os":"{os}","architecture":"{architecture}"}}"#)
}

fn index(media_type: &str, entries: &[String]) -> String {
    let entries = entries.join(",");
    format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}","manifests":[{entries}]}}"#)
}

/// A registry in which `team/x:1` is `index`, and the others lie under their digests.
fn registry(index: String, others: &[&str], blobs: &[Vec<u8>]) -> Stub {
    let others: Vec<String> = others.iter().map(|&other| other.to_owned()).collect();
    let blobs = blobs.to_vec();
    Stub::start(move |request| {
        let name = request.path.rsplit('/').next().unwrap();
        if name == "1" || name == sha256(index.as_bytes()) {
            return Some(Answer::status(200).body(index.clone()));
        }
        let all = others.iter().map(String::as_bytes).chain(blobs.iter().map(Vec::as_slice));
        let found = all.into_iter().find(|content| sha256(content) == name);
        Some(found.map_or(Answer::status(404), |content| Answer::status(200).body(content)))
    })
}

fn pull(stub: &Stub, name: &str) -> Result<(Pulled, Vec<u8>)> {
    let mut remote = Remote::new(stub.reference(name), Credentials::Anonymous);
    let mut into = Vec::new();
    let pulled = remote.pull(&mut into, &Limits::default(), &mut |_, _| {})?;
    Ok((pulled, into))
}

fn refused(index: String, others: &[&str]) -> String {
    let stub = registry(index, others, &[]);
    let error = pull(&stub, "team/x:1").unwrap_err();
    assert!(matches!(error, Error::Artifact { .. }), "{error:?}");
    error.to_string()
}

#[test]
fn the_manifest_for_webassembly_is_followed() {
    let content = component("a");
    let wanted = manifest(&[WASM], &content);
    let [other, attestation] = ["b", "c"].map(|mark| manifest(&["text/plain"], mark.as_bytes()));
    for media_type in [OCI_INDEX, DOCKER_LIST] {
        for (os, architecture) in
            [("wasip2", "wasm"), ("wasip3", "wasm"), ("wasi", "wasm"), ("wasi", "wasm32")]
        {
            let about = r#","annotations":{"vnd.docker.reference.type":"attestation-manifest"}"#;
            let entries = [
                entry(&other, &platform("linux", "amd64")),
                entry(&other, &platform("wasip1", "wasm")),
                entry(&wanted, &platform(os, architecture)),
                entry(&attestation, &format!("{}{about}", platform("wasip2", "wasm"))),
                entry(&attestation, &platform("unknown", "unknown")),
            ];
            let index = index(media_type, &entries);
            let digest = sha256(index.as_bytes());
            let stub = registry(index, &[&wanted, &other], std::slice::from_ref(&content));
            let (pulled, into) = pull(&stub, "team/x:1").unwrap();
            assert_eq!(into, content);
            assert_eq!(pulled.manifest, Digest::of(wanted.as_bytes()));
            let asked = stub.lines();
            let at = |digest: &str| format!("GET /v2/team/x/manifests/{digest}");
            assert_eq!(asked[..2], [at("1"), at(&sha256(wanted.as_bytes()))]);
            assert_eq!(asked.len(), 3);
            // A digest in the reference is that of the index.
            assert_eq!(
                pull(&stub, &format!("team/x:1@{digest}")).unwrap(),
                (pulled, content.clone())
            );
        }
    }
}

#[test]
fn without_a_platform_the_type_of_an_artifact_says_what_it_is() {
    let content = component("a");
    let wanted = manifest(&[WASM], &content);
    let other = manifest(&["text/plain"], b"b");
    let typed = |name: &str| format!(r#","artifactType":"{name}""#);
    let beside = [
        platform("linux", "amd64"),
        typed("application/vnd.dev.cosign.artifact.sig.v1+json"),
        typed("application/vnd.wasm.config.v0+json") + &platform("wasip1", "wasm"),
    ];
    for beside in beside {
        let of_ours = typed("application/vnd.wasm.config.v0+json");
        let entries = [entry(&other, &beside), entry(&wanted, &of_ours)];
        let stub = registry(index(OCI_INDEX, &entries), &[&wanted], std::slice::from_ref(&content));
        assert_eq!(pull(&stub, "team/x:1").unwrap().1, content, "{beside}");
    }
    let of_ours = typed("application/vnd.wasm.config.v0+json");
    let entries = [entry(&wanted, &of_ours), entry(&other, &platform("wasip2", "wasm"))];
    let told = refused(index(OCI_INDEX, &entries), &[&wanted]);
    assert!(told.contains("several artifacts for wasi/wasm"), "{told}");
}

#[test]
fn the_only_manifest_is_followed_whatever_it_is_for() {
    let content = component("a");
    let wanted = manifest(&[WASM], &content);
    let platforms = [String::new(), platform("linux", "amd64"), r#","platform":null"#.to_owned()];
    for platform in platforms {
        // An attestation does not count, nor does the same manifest once more.
        let attestation = entry("{}", r#","platform":{"os":"unknown","architecture":"unknown"}"#);
        let entries = [entry(&wanted, &platform), entry(&wanted, &platform), attestation];
        let stub = registry(index(OCI_INDEX, &entries), &[&wanted], std::slice::from_ref(&content));
        assert_eq!(pull(&stub, "team/x:1").unwrap().1, content);
    }
}

#[test]
fn an_index_is_known_by_its_content_type_where_it_does_not_say_it() {
    let content = component("a");
    let wanted = manifest(&[WASM], &content);
    let untyped = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entry(&wanted, ""));
    for (content_type, followed) in [
        (OCI_INDEX, true),
        (DOCKER_LIST, true),
        ("application/vnd.oci.image.index.v1+json; charset=utf-8", true),
        ("Application/vnd.OCI.image.index.v1+JSON ;charset=utf-8", true),
        ("application/json", false),
        ("application/json; x=application/vnd.oci.image.index.v1+json", false),
    ] {
        let (untyped, wanted, content) = (untyped.clone(), wanted.clone(), content.clone());
        let stub = Stub::start(move |request| {
            let answer = Answer::status(200);
            Some(match request.path.rsplit('/').next().unwrap() {
                "1" => answer.body(untyped.clone()).header("content-type", content_type),
                name if name == sha256(wanted.as_bytes()) => answer.body(wanted.clone()),
                _ => answer.body(content.clone()),
            })
        });
        assert_eq!(pull(&stub, "team/x:1").is_ok(), followed, "{content_type}");
    }
}

#[test]
fn several_that_match_are_listed_with_their_digests() {
    let [one, other] = ["a", "b"].map(|mark| manifest(&[WASM], &component(mark)));
    let digests = [&one, &other].map(|manifest| sha256(manifest.as_bytes()));
    for (platforms, what) in [
        ([platform("wasip2", "wasm"), platform("wasip3", "wasm")], "several artifacts for wasi"),
        (
            [platform("linux", "amd64"), platform("linux", "arm64")],
            "none of which is for wasi/wasm",
        ),
        ([String::new(), String::new()], "none of which is for wasi/wasm"),
    ] {
        let entries = [entry(&one, &platforms[0]), entry(&other, &platforms[1])];
        let told = refused(index(OCI_INDEX, &entries), &[&one, &other]);
        assert!(told.contains(what) && told.contains("by its digest"), "{told}");
        assert!(digests.iter().all(|digest| told.contains(digest)), "{told}");
    }
    let many: Vec<_> = (0..1000).map(|number| entry(&number.to_string(), "")).collect();
    let told = refused(index(OCI_INDEX, &many), &[]);
    assert!(told.contains("and 984 more") && told.len() < 2000, "{told}");
}

#[test]
fn an_index_that_leads_nowhere_good_is_refused() {
    let content = component("a");
    let wanted = manifest(&[WASM], &content);
    let nested = index(OCI_INDEX, &[entry(&wanted, "")]);
    let as_index =
        |manifest: &str, media_type: &str| entry(manifest, "").replace(MANIFEST, media_type);
    let huge = r#"{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:00","size":4194305}"#;
    let both = nested.replace("\"manifests\"", "\"layers\":[],\"manifests\"");
    let longer = entry(&wanted, "").replace(&format!("\"size\":{}", wanted.len()), "\"size\":9");
    let cases = [
        (index(OCI_INDEX, &[]), "an index without artifacts"),
        (format!(r#"{{"mediaType":"{DOCKER_LIST}"}}"#), "without `manifests`"),
        (index("text/plain", &[entry(&wanted, "")]), "it has type text/plain"),
        (index(OCI_INDEX, &[as_index(&nested, OCI_INDEX)]), "an index of an index"),
        (index(OCI_INDEX, &[as_index(&nested, DOCKER_LIST)]), "an index of an index"),
        // It says that it is a manifest, and is an index.
        (index(OCI_INDEX, &[entry(&nested, "")]), "an index of an index"),
        (index(OCI_INDEX, &[as_index(&wanted, "text/plain")]), "an index of text/plain"),
        (index(OCI_INDEX, &[huge.to_owned()]), "4194305 bytes, more than 4194304"),
        (
            index(OCI_INDEX, &[entry(&wanted, "").replace("sha256:", "sha512:")]),
            "no SHA-256 digest: sha512:",
        ),
        (both, "both an index and a manifest"),
        (index(OCI_INDEX, &[longer]), "bytes, but its index states 9"),
    ];
    for (index, expected) in cases {
        let told = refused(index, &[&wanted, &nested]);
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn another_manifest_than_the_index_names_is_refused() {
    let wanted = manifest(&[WASM], &component("a"));
    let index = index(OCI_INDEX, &[entry(&wanted, "")]);
    let stub = Stub::start(move |request| {
        let other = manifest(&[WASM], &component("b"));
        let of_index = request.path.ends_with("/1");
        Some(Answer::status(200).body(if of_index { index.clone() } else { other }))
    });
    let error = pull(&stub, "team/x:1").unwrap_err();
    assert!(matches!(error, Error::Digest { .. }), "{error:?}");
}
