//! Components whose graph the host computes: the graph travels with them, and others read the component alone.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::stub::{Answer, Seen, Stub, component, sha256};
use pilotlight_registry::{
    Annotations, Blob, Credentials, Digest, Error, Limits, Pushed, Remote, Result,
};
use pilotlight_testing::registry::Registry;
use serde_json::Value;

const GRAPH: &[u8] = b"a graph";
const GRAPH_TYPE: &str = "application/vnd.pilotlight.graph.v1";

/// A registry that keeps what it is sent. With `referrers` it knows what the subject of a manifest is.
fn keeping(referrers: bool) -> Stub {
    let kept = Mutex::new(BTreeMap::<String, Vec<u8>>::new());
    Stub::start(move |request| Some(answer(&mut kept.lock().unwrap(), request, referrers)))
}

fn answer(kept: &mut BTreeMap<String, Vec<u8>>, request: &Seen, referrers: bool) -> Answer {
    let path = request.path.clone();
    match &request.method[..] {
        "POST" => Answer::status(202).header("location", "/v2/team/x/blobs/uploads/7?_state=abc"),
        "PUT" if path.contains("/uploads/") => {
            let (_, digest) = path.split_once("digest=sha256%3A").unwrap();
            kept.insert(format!("/v2/team/x/blobs/sha256:{digest}"), request.body.clone());
            Answer::status(201)
        }
        "PUT" => {
            let by_digest = format!("/v2/team/x/manifests/{}", sha256(&request.body));
            kept.insert(by_digest, request.body.clone());
            kept.insert(path, request.body.clone());
            let subject = text(&request.body)["subject"]["digest"].as_str().map(str::to_owned);
            match subject.filter(|_| referrers) {
                Some(subject) => Answer::status(201).header("oci-subject", &subject),
                None => Answer::status(201),
            }
        }
        _ => kept.get(&path).map_or_else(
            || Answer::status(404),
            |body| Answer::status(200).body(body.clone()).header("content-type", media_type(body)),
        ),
    }
}

fn text(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

fn media_type(body: &[u8]) -> &'static str {
    match text(body)["manifests"].is_array() {
        true => "application/vnd.oci.image.index.v1+json",
        false => "application/vnd.oci.image.manifest.v1+json",
    }
}

fn remote(stub: &Stub) -> Remote {
    Remote::new(stub.reference("team/x:1"), Credentials::Anonymous)
}

fn push(stub: &Stub) -> Pushed {
    let annotations = Annotations::default();
    remote(stub).push_with_graph(&component("a"), GRAPH, &annotations, &mut |_, _| {}).unwrap()
}

/// What was put at the manifest called `name`.
fn put(stub: &Stub, name: &str) -> Value {
    let line = format!("PUT /v2/team/x/manifests/{name}");
    let seen = stub.seen().into_iter().rfind(|seen| seen.line() == line);
    text(&seen.unwrap_or_else(|| panic!("no {line} in {:?}", stub.lines())).body)
}

/// Pulls into two files and returns what is in them.
fn pull(remote: &mut Remote) -> (Result<()>, [Option<Vec<u8>>; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let [file, graph] = ["x.wasm", "x.onnx"].map(|name| folder.path().join(name));
    let pulled =
        remote.pull_files((&file, Some(&graph)), &Limits::default(), &mut |_, _| {}).map(drop);
    (pulled, [file, graph].map(|path| std::fs::read(path).ok()))
}

#[test]
fn a_graph_is_pulled_with_its_component() {
    for referrers in [true, false] {
        let stub = keeping(referrers);
        let graph = Blob { digest: Digest::of(GRAPH), size: GRAPH.len() as u64 };
        assert_eq!(push(&stub).graph, Some(graph));
        let (pulled, files) = pull(&mut remote(&stub));
        pulled.unwrap();
        assert_eq!(files, [Some(component("a")), Some(GRAPH.to_vec())]);
        let found = remote(&stub).find(&Limits::default()).unwrap();
        assert_eq!((found.graph, found.named), (Some(graph), found.manifest));
    }
}

#[test]
fn readers_of_the_layout_find_a_component_and_nothing_else() {
    let stub = keeping(true);
    let pushed = push(&stub);
    let manifest = put(&stub, "1");
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(manifest["layers"][0]["digest"], sha256(&component("a")));
    assert_eq!(manifest["annotations"]["vnd.pilotlight.graph.digest"], sha256(GRAPH));
    assert_eq!(manifest["annotations"]["vnd.pilotlight.graph.size"], "7");
    // The tag names the artifact only once its graph is there.
    let last = stub.lines().pop();
    assert_eq!(last.as_deref(), Some("PUT /v2/team/x/manifests/1"));
    assert_eq!(remote(&stub).digest().unwrap(), pushed.manifest);
}

#[test]
fn the_manifest_of_a_graph_refers_to_that_of_the_component() {
    let stub = keeping(true);
    let pushed = push(&stub);
    let names = stub.lines().into_iter();
    let mut names = names.filter_map(|line| {
        line.strip_prefix("PUT /v2/team/x/manifests/sha256:").map(str::to_owned)
    });
    let manifest = put(&stub, &format!("sha256:{}", names.next().unwrap()));
    assert_eq!(names.next(), None);
    assert_eq!(manifest["artifactType"], GRAPH_TYPE);
    assert_eq!(manifest["subject"]["digest"], format!("sha256:{}", pushed.manifest));
    assert_eq!(manifest["layers"][0]["digest"], sha256(GRAPH));
    assert_eq!(manifest["layers"][0]["mediaType"], GRAPH_TYPE);
    assert_eq!(manifest["config"]["digest"], sha256(b"{}"));
}

#[test]
fn a_registry_that_knows_no_referrers_gets_a_list_of_them() {
    let stub = keeping(false);
    let pushed = push(&stub);
    let tag = format!("sha256-{}", pushed.manifest);
    let list = put(&stub, &tag);
    assert_eq!(list["manifests"].as_array().unwrap().len(), 1);
    assert_eq!(list["manifests"][0]["artifactType"], GRAPH_TYPE);
    let before = stub.seen().len();
    assert_eq!(push(&stub), pushed);
    let again = stub.lines().split_off(before);
    assert!(!again.contains(&format!("PUT /v2/team/x/manifests/{tag}")), "{again:?}");
}

#[test]
fn a_graph_that_is_not_what_it_should_be_leaves_no_component() {
    for (body, status) in [(&b"another"[..], 200), (b"a gr", 200), (b"", 404)] {
        let stub = keeping(true);
        push(&stub);
        let manifest = put(&stub, "1");
        let content = component("a");
        let at = Stub::start(move |request: &Seen| {
            let answer = Answer::status(200);
            Some(match request.path.rsplit('/').next().unwrap() {
                "1" => answer.body(manifest.to_string()),
                name if name == sha256(&content) => answer.body(content.clone()),
                _ => Answer { length: Some(7), ..Answer::status(status).body(body) },
            })
        });
        let (pulled, files) = pull(&mut remote(&at));
        let error = pulled.unwrap_err();
        let expected = match (body.len(), status) {
            (_, 404) => matches!(error, Error::NoGraph { .. }),
            (7, _) => matches!(error, Error::Digest { .. }),
            _ => matches!(error, Error::Truncated { .. }),
        };
        assert!(expected, "{error:?}");
        assert_eq!(files, [None, None]);
    }
}

#[test]
fn too_large_a_graph_is_refused_before_anything_is_read() {
    let stub = keeping(true);
    push(&stub);
    let before = stub.seen().len();
    let limits = Limits { graph: GRAPH.len() as u64 - 1, ..Limits::default() };
    let error = remote(&stub).pull(&mut Vec::new(), &limits, &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 6, size: 7, .. }), "{error:?}");
    assert!(error.to_string().contains("the graph of oci://"), "{error}");
    assert_eq!(stub.seen().len(), before + 1);
}

#[test]
fn annotations_that_name_no_graph_are_refused() {
    let stub = keeping(true);
    push(&stub);
    for (key, value) in [("digest", "sha256:00"), ("size", "many"), ("size", "-1")] {
        let mut manifest = put(&stub, "1");
        manifest["annotations"][format!("vnd.pilotlight.graph.{key}")] = value.into();
        let at = Stub::start(move |_| Some(Answer::status(200).body(manifest.to_string())));
        let error = remote(&at).find(&Limits::default()).unwrap_err();
        assert!(matches!(error, Error::Artifact { .. }), "{error:?}");
        assert!(error.to_string().contains("vnd.pilotlight.graph.digest"), "{error}");
    }
}

#[test]
fn a_tag_is_resolved_without_reading_what_it_names() {
    let stub = keeping(true);
    let manifest = push(&stub).manifest;
    let stated = format!("sha256:{manifest}");
    let head =
        Stub::start(move |_| Some(Answer::status(200).header("docker-content-digest", &stated)));
    assert_eq!(remote(&head).digest().unwrap(), manifest);
    assert_eq!(head.lines(), ["HEAD /v2/team/x/manifests/1"]);
    // A registry that does not state the digest is asked for the manifest.
    let before = stub.seen().len();
    assert_eq!(remote(&stub).digest().unwrap(), manifest);
    let lines = ["HEAD /v2/team/x/manifests/1", "GET /v2/team/x/manifests/1"];
    assert_eq!(stub.lines().split_off(before), lines);
    let absent = Stub::start(|_| Some(Answer::status(404)));
    assert!(matches!(remote(&absent).digest(), Err(Error::NotFound { .. })));
}

#[test]
fn a_real_registry_keeps_a_graph_and_its_manifest() {
    let Some(registry) = Registry::start(false) else { return };
    let reference = registry.reference("team/x:1").parse().unwrap();
    let mut remote = Remote::new(reference, Credentials::Anonymous);
    let annotations = Annotations::default();
    let mut push =
        || remote.push_with_graph(&component("a"), GRAPH, &annotations, &mut |_, _| {}).unwrap();
    let pushed = push();
    assert_eq!(push(), pushed);
    let (pulled, files) = pull(&mut remote);
    pulled.unwrap();
    assert_eq!(files, [Some(component("a")), Some(GRAPH.to_vec())]);
    assert_eq!(remote.digest().unwrap(), pushed.manifest);
}
