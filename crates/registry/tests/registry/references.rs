//! What names an artifact, and what does not.

use pilotlight_registry::{Digest, Error, Reference};
use proptest::prelude::*;

const HEX: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn refused(text: &str) -> String {
    match Reference::parse(text) {
        Err(error @ Error::Reference { .. }) => error.to_string(),
        other => panic!("{text:?}: {other:?}"),
    }
}

#[test]
fn every_part_is_read() {
    let text = format!("oci://registry.example:5000/team/pii-ner:1.0@sha256:{HEX}");
    let reference = Reference::parse(&text).unwrap();
    assert_eq!(reference.registry(), "registry.example:5000");
    assert_eq!(reference.repository(), "team/pii-ner");
    assert_eq!(reference.tag(), Some("1.0"));
    assert_eq!(reference.digest(), Digest::from_hex(HEX));
    assert_eq!(reference.to_string(), text);
}

#[test]
fn scheme_port_tag_and_digest_may_be_left_out() {
    let reference = Reference::parse("ghcr.io/team/model").unwrap();
    assert_eq!((reference.tag(), reference.digest()), (None, None));
    assert_eq!(reference, Reference::parse("oci://GHCR.io/team/model").unwrap());
}

#[test]
fn a_single_word_is_a_registry_only_where_oci_says_so() {
    assert_eq!(Reference::parse("oci://registry/model").unwrap().registry(), "registry");
    assert!(Reference::parse("localhost/model").is_ok());
    assert!(
        refused("team/model").contains("the host name of the registry is missing before \"team\"")
    );
}

#[test]
fn docker_hub_goes_by_one_name() {
    let short = Reference::parse("docker.io/model:1").unwrap();
    assert_eq!(short, Reference::parse("oci://index.docker.io/library/model:1").unwrap());
    assert_eq!(short.to_string(), "oci://docker.io/library/model:1");
}

#[test]
fn this_machine_is_known_by_its_names() {
    for host in ["localhost", "localhost:5000", "127.0.0.1", "127.9.9.9:80", "[::1]:5000"] {
        assert!(Reference::parse(&format!("oci://{host}/x")).unwrap().is_loopback(), "{host}");
    }
    for host in [
        "localhost.example",
        "a.localhost",
        "10.0.0.1",
        "[fe80::1]",
        "127.0.0.1.example",
        "128.0.0.1",
    ] {
        assert!(!Reference::parse(&format!("oci://{host}/x")).unwrap().is_loopback(), "{host}");
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let cases = [
        ("", "the repository is missing"),
        ("oci://", "the repository is missing"),
        ("oci://a.example", "the repository is missing"),
        ("https://a.example/x", "the scheme https:// is not supported"),
        ("oci://a.example/", "\"\" is not a repository"),
        ("oci://a.example/Upper", "\"Upper\" is not a repository"),
        ("oci://a.example/a//b", "is not a repository"),
        ("oci://a.example/a..b", "is not a repository"),
        ("oci://a.example/a___b", "is not a repository"),
        ("oci://a.example/-a", "is not a repository"),
        ("oci://a.example/../../etc", "is not a repository"),
        ("oci://a.example/x:", "\"\" is not a tag"),
        ("oci://a.example/x:.y", "\".y\" is not a tag"),
        ("oci://a.example/x:y z", "is not a tag"),
        ("oci://a.example/x@sha256:abc", "is not a digest"),
        ("oci://a.example/x@sha512:abc", "is not a digest"),
        ("oci://a.example:0/x", "\"0\" is not a port"),
        ("oci://a.example:99999/x", "is not a port"),
        ("oci://a.example:+80/x", "is not a port"),
        ("oci://:80/x", "\"\" is not a host name"),
        ("oci://a_b/x", "is not a host name"),
        ("oci://user@a.example/x", "is not a digest"),
        ("oci://[::1/x", "is not a host name"),
        ("oci://[::1]x/x", "not HOST:PORT"),
    ];
    for (text, expected) in cases {
        let message = refused(text);
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("write oci://HOST"), "{message}");
    }
    let upper = format!("oci://a.example/x@sha256:{}", HEX.to_uppercase());
    assert!(refused(&upper).contains("lower-case"));
    assert!(refused(&format!("a.example/{}", "a".repeat(256))).contains("at most 255"));
    assert!(refused(&format!("a.example/a:{}", "a".repeat(129))).contains("is not a tag"));
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        host in "[a-z0-9]{1,8}(\\.[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?){0,2}",
        port in proptest::option::of(1u16..),
        repository in "[a-z0-9]{1,6}((\\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}(/[a-z0-9]{1,6}){0,3}",
        tag in proptest::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"),
        digest in proptest::option::of("[0-9a-f]{64}"),
    ) {
        let mut text = format!("oci://{host}");
        port.iter().for_each(|port| text.push_str(&format!(":{port}")));
        text.push_str(&format!("/{repository}"));
        tag.iter().for_each(|tag| text.push_str(&format!(":{tag}")));
        digest.iter().for_each(|digest| text.push_str(&format!("@sha256:{digest}")));
        let reference = Reference::parse(&text).unwrap();
        prop_assert_eq!(reference.to_string(), text);
        prop_assert_eq!(reference.tag().map(str::to_owned), tag);
        prop_assert_eq!(reference.repository(), repository);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(oci://)?[a-zA-Z0-9:@/._ \\[\\]é-]{0,60}") {
        if let Ok(reference) = Reference::parse(&text) {
            prop_assert_eq!(Reference::parse(&reference.to_string()).unwrap(), reference);
        }
    }
}
