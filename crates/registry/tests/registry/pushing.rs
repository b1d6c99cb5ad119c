//! What is sent to a registry: the published layout to the byte, and nothing else.

use crate::stub::{Answer, Seen, Stub, component, sha256};
use pilotlight_registry::{Annotations, Credentials, Digest, Error, Reference, Remote};
use serde_json::{Value, json};

/// Takes whatever is pushed.
fn accepting(request: &Seen) -> Option<Answer> {
    let status = match &request.method[..] {
        "HEAD" => 404,
        "POST" => 202,
        _ => 201,
    };
    Some(Answer::status(status).header("location", "/v2/team/x/blobs/uploads/7?_state=abc"))
}

fn push(stub: &Stub, component: &[u8], annotations: &Annotations) -> Digest {
    let mut remote = Remote::new(stub.reference("team/x:1"), Credentials::Anonymous);
    remote.push(component, annotations, &mut |_, _| {}).unwrap().manifest
}

fn refused(stub: &Stub) -> Error {
    let mut remote = Remote::new(stub.reference("team/x:1"), Credentials::Anonymous);
    remote.push(&component("a"), &Annotations::default(), &mut |_, _| {}).unwrap_err()
}

#[test]
fn a_push_is_component_config_and_manifest_to_the_byte() {
    let stub = Stub::start(accepting);
    let component = component("a");
    let annotations = Annotations {
        title: Some("pii-ner".to_owned()),
        version: Some("1.0".to_owned()),
        licenses: Some("Apache-2.0".to_owned()),
        ..Annotations::default()
    };
    let digest = push(&stub, &component, &annotations);

    let layer = sha256(&component);
    let config = format!(
        concat!(
            r#"{{"created":"1970-01-01T00:00:00Z","architecture":"wasm","os":"wasip2","#,
            r#""layerDigests":["{layer}"],"component":{{"#,
            r#""exports":["wasi:http/incoming-handler@0.2.4"],"#,
            r#""imports":["wasi:http/types@0.2.4","wasi:cli/stdout@0.2.4"]}}}}"#
        ),
        layer = layer
    );
    let manifest = format!(
        concat!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","#,
            r#""config":{{"mediaType":"application/vnd.wasm.config.v0+json","#,
            r#""digest":"{config}","size":{config_size}}},"#,
            r#""layers":[{{"mediaType":"application/wasm","digest":"{layer}","size":{size}}}],"#,
            r#""annotations":{{"org.opencontainers.image.title":"pii-ner","#,
            r#""org.opencontainers.image.version":"1.0","#,
            r#""org.opencontainers.image.licenses":"Apache-2.0"}}}}"#
        ),
        config = sha256(config.as_bytes()),
        config_size = config.len(),
        layer = layer,
        size = component.len()
    );
    let upload = |digest: &str| {
        let digest = digest.replace(':', "%3A");
        format!("PUT /v2/team/x/blobs/uploads/7?_state=abc&digest={digest}")
    };
    let (config_digest, begin) = (sha256(config.as_bytes()), "POST /v2/team/x/blobs/uploads/");
    let expected = [
        format!("HEAD /v2/team/x/blobs/{layer}"),
        begin.to_owned(),
        upload(&layer),
        format!("HEAD /v2/team/x/blobs/{config_digest}"),
        begin.to_owned(),
        upload(&config_digest),
        "PUT /v2/team/x/manifests/1".to_owned(),
    ];
    let seen = stub.seen();
    assert_eq!(stub.lines(), expected);
    assert_eq!(seen[2].body, component);
    assert_eq!(String::from_utf8_lossy(&seen[5].body), config);
    assert_eq!(String::from_utf8_lossy(&seen[6].body), manifest);
    let manifest_type = "application/vnd.oci.image.manifest.v1+json";
    assert_eq!(seen[6].header("content-type"), Some(manifest_type));
    assert_eq!(seen[1].header("content-length"), Some("0"));
    assert_eq!(digest, Digest::of(manifest.as_bytes()));
}

/// The config that is pushed for a component.
fn config(text: &str) -> Value {
    let stub = Stub::start(accepting);
    push(&stub, &wat::parse_str(text).unwrap(), &Annotations::default());
    serde_json::from_slice(&stub.seen()[5].body).unwrap()
}

#[test]
fn the_config_tells_which_wasi_a_component_needs() {
    let of = |import: &str| {
        let text = format!(r#"(component (import "{import}" (instance)))"#);
        config(&text)["os"].as_str().unwrap().to_owned()
    };
    assert_eq!(of("wasi:http/types@0.2.4"), "wasip2");
    assert_eq!(of("wasi:http/types@0.3.0"), "wasip3");
    assert_eq!(of("wasi:clocks/monotonic-clock@0.3.0-rc-2026-01-06"), "wasip3");
    // Other packages have versions of their own.
    assert_eq!(of("team:http/types@0.3.0"), "wasip2");
    let exporting = r#"(component
        (import "wasi:cli/stdout@0.2.4" (instance $stdout))
        (export "wasi:http/handler@0.3.0" (instance $stdout)))"#;
    assert_eq!(config(exporting)["os"], "wasip3");
}

#[test]
fn the_config_lists_interfaces_and_functions_and_no_types() {
    let config = config(
        r#"(component
            (type $number' u32)
            (import "number" (type $number (eq $number')))
            (import "wasi:http/types@0.2.4" (instance $types))
            (import "count" (func $count (result u32)))
            (export "exported-number" (type $number))
            (export "wasi:http/incoming-handler@0.2.4" (instance $types))
            (export "counted" (func $count)))"#,
    );
    assert_eq!(config["component"]["imports"], json!(["wasi:http/types@0.2.4", "count"]));
    let exports = json!(["wasi:http/incoming-handler@0.2.4", "counted"]);
    assert_eq!(config["component"]["exports"], exports);
}

#[test]
fn the_same_component_makes_the_same_manifest() {
    let (one, two) = (Stub::start(accepting), Stub::start(accepting));
    let annotations = Annotations::default();
    let first = push(&one, &component("a"), &annotations);
    assert_eq!(first, push(&two, &component("a"), &annotations));
    assert_ne!(first, push(&two, &component("b"), &annotations));
    let titled = Annotations { title: Some("t".to_owned()), ..annotations };
    assert_ne!(first, push(&two, &component("a"), &titled));
    let manifest = String::from_utf8(one.seen()[6].body.clone()).unwrap();
    assert!(!manifest.contains("annotations"), "{manifest}");
}

#[test]
fn what_the_registry_has_is_not_sent_again() {
    let stub = Stub::start(|request| match &request.method[..] {
        "HEAD" => Some(Answer::status(200)),
        _ => accepting(request),
    });
    push(&stub, &component("a"), &Annotations::default());
    let methods: Vec<_> = stub.seen().into_iter().map(|seen| seen.method).collect();
    assert_eq!(methods, ["HEAD", "HEAD", "PUT"]);
}

#[test]
fn progress_ends_at_the_size_of_the_component() {
    let stub = Stub::start(accepting);
    let component = component("a");
    let mut last = (0, 0);
    let mut remote = Remote::new(stub.reference("x"), Credentials::Anonymous);
    let mut progress = |done, total| {
        assert!(done > last.0 && done <= total);
        last = (done, total);
    };
    let pushed = remote.push(&component, &Annotations::default(), &mut progress).unwrap();
    assert_eq!(last, (pushed.size, pushed.size));
    assert_eq!(pushed.size, component.len() as u64);
    assert_eq!(stub.lines().last().unwrap(), "PUT /v2/x/manifests/latest");
}

#[test]
fn only_components_are_pushed() {
    let stub = Stub::start(accepting);
    let mut truncated = component("a");
    truncated.truncate(truncated.len() - 3);
    let core = wat::parse_str("(module)").unwrap();
    for (bytes, expected) in [
        (&core[..], "it is a core module, not a component"),
        (b"text", "it is not WebAssembly"),
        (b"", "it is not WebAssembly"),
        (&truncated, "unexpected end"),
    ] {
        let mut remote = Remote::new(stub.reference("x"), Credentials::Anonymous);
        let error = remote.push(bytes, &Annotations::default(), &mut |_, _| {}).unwrap_err();
        assert!(matches!(error, Error::Component(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert!(stub.seen().is_empty());
}

#[test]
fn a_digest_is_no_place_to_push_to() {
    let stub = Stub::start(accepting);
    let reference = stub.reference(&format!("x:1@{}", sha256(b"")));
    let mut remote = Remote::new(reference, Credentials::Anonymous);
    let error = remote.push(&component("a"), &Annotations::default(), &mut |_, _| {}).unwrap_err();
    assert!(error.to_string().contains("a push is named by its tag"), "{error}");
    assert!(stub.seen().is_empty());
}

#[test]
fn an_upload_elsewhere_is_made_without_credentials() {
    let storage = Stub::start(|_| Some(Answer::status(201)));
    let place = storage.url("/bucket?signature=1");
    let stub =
        Stub::start(move |request| match (&request.method[..], request.header("authorization")) {
            (_, None) => Some(Answer::status(401).header("www-authenticate", "Basic realm=x")),
            ("POST", _) => Some(Answer::status(202).header("location", &place)),
            _ => accepting(request),
        });
    let credentials = crate::stub::alice();
    let mut remote = Remote::new(stub.reference("x:1"), credentials);
    remote.push(&component("a"), &Annotations::default(), &mut |_, _| {}).unwrap();
    assert_eq!(storage.seen().len(), 2);
    assert!(storage.seen().iter().all(|seen| seen.header("authorization").is_none()));
    assert!(storage.seen()[0].path.starts_with("/bucket?signature=1&digest=sha256%3A"));
}

#[test]
fn uploads_that_lead_nowhere_are_errors() {
    let cases = [
        (None, "no `location` header"),
        (Some("uploads/7"), "not a usable URL"),
        (Some("http://storage.example/7"), "does not use TLS"),
        (Some("ftp://127.0.0.1/7"), "does not use TLS"),
    ];
    for (location, expected) in cases {
        let stub =
            Stub::start(move |request| match &request.method[..] {
                "POST" => Some(location.iter().fold(Answer::status(202), |answer, location| {
                    answer.header("location", location)
                })),
                _ => accepting(request),
            });
        let error = refused(&stub).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_registry_that_stores_something_else_is_not_believed() {
    let other = sha256(b"other");
    let stub = Stub::start(move |request| {
        accepting(request).map(|answer| answer.header("docker-content-digest", &other))
    });
    assert!(matches!(refused(&stub), Error::Digest { .. }));
}

#[test]
fn a_connection_that_ends_within_a_push_leaves_no_manifest() {
    let stub = Stub::start(|request| match &request.method[..] {
        "PUT" => None,
        _ => accepting(request),
    });
    let error = refused(&stub);
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(stub.lines().iter().all(|line| !line.contains("/manifests/")));
}

#[test]
fn refusals_are_told_in_the_registrys_words() {
    let body = r#"{"errors":[{"code":"DENIED","message":"quota \u001b[31mexceeded"}]}"#;
    for (status, expected) in [
        (403, "does not allow pushing: quota  [31mexceeded"),
        (404, "does not exist: quota"),
        (413, "pushing: status 413 Payload Too Large: quota"),
        (500, "pushing: status 500 Internal Server Error: quota"),
        (307, "pushing: status 307 Temporary Redirect"),
    ] {
        let stub = Stub::start(move |request| match &request.method[..] {
            "POST" => Some(Answer::status(status).body(body)),
            _ => accepting(request),
        });
        let error = refused(&stub).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn nobody_at_the_address_is_an_error_that_names_it() {
    let gone = Stub::start(accepting);
    let authority = gone.authority();
    drop(gone);
    let reference = Reference::parse(&format!("{authority}/x:1")).unwrap();
    let mut remote = Remote::new(reference, Credentials::Anonymous);
    let error = remote.push(&component("a"), &Annotations::default(), &mut |_, _| {}).unwrap_err();
    let error = error.to_string();
    assert!(error.starts_with(&authority) && error.contains("check that it runs"), "{error}");
}
