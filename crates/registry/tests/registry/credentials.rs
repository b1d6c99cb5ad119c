//! Where credentials come from, and that they stay where they belong.

use pilotlight_registry::{Credentials, Reference, Secret, Sources};
use proptest::prelude::*;
use tempfile::NamedTempFile;

/// `alice:s3cret` in base64.
const ALICE: &str = "YWxpY2U6czNjcmV0";

fn find(config: &str, reference: &str) -> Result<Credentials, String> {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config).unwrap();
    let sources = Sources { docker_config: Some(file.path().to_owned()), ..Sources::default() };
    sources.find(&Reference::parse(reference).unwrap()).map_err(|error| error.to_string())
}

fn user(name: &str, password: &str) -> Credentials {
    Credentials::User { name: name.to_owned(), password: Secret::new(password) }
}

#[test]
fn a_docker_login_is_used_for_its_registry_alone() {
    let config =
        format!(r#"{{"auths":{{"a.example:5000":{{"auth":"{ALICE}"}}}},"HttpHeaders":{{}}}}"#);
    assert_eq!(find(&config, "a.example:5000/x").unwrap(), user("alice", "s3cret"));
    for other in ["a.example/x", "b.a.example:5000/x", "a.example:5001/x"] {
        assert_eq!(find(&config, other).unwrap(), Credentials::Anonymous, "{other}");
    }
}

#[test]
fn keys_may_be_urls_as_docker_writes_them() {
    let hub = format!(r#"{{"auths":{{"https://index.docker.io/v1/":{{"auth":"{ALICE}"}}}}}}"#);
    assert_eq!(find(&hub, "docker.io/team/x").unwrap(), user("alice", "s3cret"));
    let url = format!(r#"{{"auths":{{"https://A.example/v2/":{{"auth":"{ALICE}"}}}}}}"#);
    assert_eq!(find(&url, "a.example/x").unwrap(), user("alice", "s3cret"));
    let plain = r#"{"auths":{"a.example":{"username":"bob","password":"p:w"}}}"#;
    assert_eq!(find(plain, "a.example/x").unwrap(), user("bob", "p:w"));
}

#[test]
fn a_key_that_is_the_registrys_name_comes_before_one_that_is_its_url() {
    let config = format!(
        r#"{{"auths":{{"https://x.example/v1/":{{"username":"old","password":"old"}},"x.example":{{"auth":"{ALICE}"}}}}}}"#
    );
    assert_eq!(find(&config, "x.example/x").unwrap(), user("alice", "s3cret"));
}

#[test]
fn without_a_login_anybody_asks() {
    for config in
        ["{}", r#"{"auths":{}}"#, r#"{"auths":{"a.example":{}}}"#, r#"{"credsStore":"x"}"#]
    {
        assert_eq!(find(config, "a.example/x").unwrap(), Credentials::Anonymous, "{config}");
    }
    let missing =
        Sources { docker_config: Some("/nowhere/config.json".into()), ..Sources::default() };
    let reference = Reference::parse("a.example/x").unwrap();
    assert_eq!(missing.find(&reference).unwrap(), Credentials::Anonymous);
}

#[test]
fn a_user_that_is_named_comes_first() {
    let sources = Sources {
        user: Some("ci".to_owned()),
        password: Some(Secret::new("token")),
        docker_config: Some("/dev/null/not/read".into()),
    };
    let reference = Reference::parse("a.example/x").unwrap();
    assert_eq!(sources.find(&reference).unwrap(), user("ci", "token"));
    let half = Sources { user: Some("ci".to_owned()), ..Sources::default() };
    let error = half.find(&reference).unwrap_err().to_string();
    assert!(error.contains("set both or none"), "{error}");
}

#[test]
fn helper_programs_are_not_run_and_that_is_said() {
    let helper = r#"{"credHelpers":{"a.example":"ecr-login"}}"#;
    let store = r#"{"auths":{"a.example":{}},"credsStore":"desktop"}"#;
    for (config, name) in
        [(helper, "docker-credential-ecr-login"), (store, "docker-credential-desktop")]
    {
        let error = find(config, "a.example/x").unwrap_err();
        assert!(error.starts_with("credentials for a.example: "), "{error}");
        assert!(error.contains(name) && error.contains("PILOTLIGHT_REGISTRY_USER"), "{error}");
        assert_eq!(find(config, "b.example/x").unwrap(), Credentials::Anonymous);
    }
}

#[test]
fn what_cannot_be_used_is_refused_without_being_shown() {
    let cases = [
        (r#"{"auths":{"a.example":{"auth":"s3cret!"}}}"#, "run `docker login` again"),
        (r#"{"auths":{"a.example":{"auth":"czNjcmV0"}}}"#, "run `docker login` again"),
        (
            r#"{"auths":{"a.example":{"identitytoken":"s3cret"}}}"#,
            "identity tokens are not supported",
        ),
        (r#"{"auths":{"a.example":"s3cret"}}"#, "line 1"),
        (r#"{"auths":{"a.example":{"auth":["s3cret"]}}}"#, "line 1"),
        ("s3cret", "line 1"),
    ];
    for (config, expected) in cases {
        let error = find(config, "a.example/x").unwrap_err();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("s3cret") && !error.contains("czNjcmV0"), "{error}");
    }
}

#[test]
fn secrets_do_not_show_themselves() {
    let sources = Sources { password: Some(Secret::new("s3cret")), ..Sources::default() };
    let shown = format!("{:?} {sources:?}", user("alice", "s3cret"));
    assert!(shown.contains("alice") && !shown.contains("s3cret"), "{shown}");
}

proptest! {
    #[test]
    fn any_name_and_password_come_back(name in "[^:\0]{1,20}", password in "[^\0]{0,20}") {
        use base64::Engine as _;
        let auth = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
        let config = format!(r#"{{"auths":{{"a.example":{{"auth":"{auth}"}}}}}}"#);
        prop_assert_eq!(find(&config, "a.example/x").unwrap(), user(&name, &password));
    }

    #[test]
    fn any_configuration_is_read_or_refused(
        config in r#"(\{|\}|"auths"|"credHelpers"|"a.example"|"auth"|:|,|"s3cret"|null|[0-9]){0,12}"#,
    ) {
        if let Err(error) = find(&config, "a.example/x") {
            prop_assert!(!error.contains("s3cret"), "{}", error);
        }
    }
}
