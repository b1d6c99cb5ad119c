//! Who is told who asks, and who is not.

use crate::stub::{Answer, Seen, Stub, alice, component, manifest};
use pilotlight_registry::{Annotations, Credentials, Error, Limits, Remote, Result};

/// `alice:s3cret` as a header.
const BASIC: &str = "Basic YWxpY2U6czNjcmV0";

fn pull(stub: &Stub, credentials: Credentials) -> Result<Vec<u8>> {
    let mut into = Vec::new();
    let mut remote = Remote::new(stub.reference("team/x:1"), credentials);
    remote.pull(&mut into, &Limits::default(), &mut |_, _| {})?;
    Ok(into)
}

fn refused(stub: &Stub, credentials: Credentials) -> String {
    pull(stub, credentials).unwrap_err().to_string()
}

/// Serves the component to whoever brings `authorization`, and challenges others.
fn guarded(
    authorization: &'static str,
    challenge: String,
) -> impl Fn(&Seen) -> Option<Answer> + Send + 'static {
    move |request| {
        if request.header("authorization") != Some(authorization) {
            return Some(Answer::status(401).header("www-authenticate", &challenge));
        }
        let content = component("a");
        let manifest = manifest(&["application/wasm"], &content).into_bytes();
        let body = if request.path.contains("/manifests/") { manifest } else { content };
        let status = match &request.method[..] {
            "POST" => 202,
            "PUT" => 201,
            _ => 200,
        };
        Some(Answer::status(status).header("location", "/v2/upload").body(body))
    }
}

fn bearer(server: &Stub) -> String {
    format!(
        r#"Bearer realm="{}",service="the service",scope="repository:x:pull""#,
        server.url("/token")
    )
}

fn token_server() -> Stub {
    Stub::start(|_| Some(Answer::status(200).body(r#"{"token":"T0KEN","expires_in":300}"#)))
}

#[test]
fn a_name_and_a_password_are_sent_once_they_are_asked_for() {
    let stub = Stub::start(guarded(BASIC, "Basic realm=\"x\"".to_owned()));
    assert_eq!(pull(&stub, alice()).unwrap(), component("a"));
    let sent: Vec<_> =
        stub.seen().iter().map(|seen| seen.header("authorization").map(str::to_owned)).collect();
    assert_eq!(sent, [None, Some(BASIC.to_owned()), Some(BASIC.to_owned())]);
}

#[test]
fn a_token_is_asked_for_with_what_it_is_for() {
    let server = token_server();
    let stub = Stub::start(guarded("Bearer T0KEN", bearer(&server)));
    pull(&stub, alice()).unwrap();
    assert_eq!(
        server.lines(),
        ["GET /token?scope=repository%3Ateam%2Fx%3Apull&service=the%20service"]
    );
    assert_eq!(server.seen()[0].header("authorization"), Some(BASIC));
    let registry_was_told =
        stub.seen().iter().any(|seen| seen.header("authorization") == Some(BASIC));
    assert!(!registry_was_told, "the password goes to the token server alone");

    let mut remote = Remote::new(stub.reference("team/x:1"), Credentials::Anonymous);
    remote.push(&component("a"), &Annotations::default(), &mut |_, _| {}).unwrap();
    let asked = &server.seen()[1];
    assert!(asked.path.contains("scope=repository%3Ateam%2Fx%3Apull%2Cpush"), "{}", asked.path);
    assert_eq!(asked.header("authorization"), None);
}

#[test]
fn a_remote_does_not_show_what_it_authorizes_itself_with() {
    let server = token_server();
    for (authorization, challenge) in
        [(BASIC, "Basic realm=x".to_owned()), ("Bearer T0KEN", bearer(&server))]
    {
        let stub = Stub::start(guarded(authorization, challenge));
        let mut remote = Remote::new(stub.reference("x"), alice());
        remote.pull(&mut Vec::new(), &Limits::default(), &mut |_, _| {}).unwrap();
        let shown = format!("{remote:?}");
        for secret in ["s3cret", "YWxpY2U6", "T0KEN"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[test]
fn a_token_that_expires_is_renewed() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let server = Stub::start(move |_| {
        let count = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Some(Answer::status(200).body(format!(r#"{{"access_token":"T{count}"}}"#)))
    });
    let challenge = bearer(&server);
    let content = component("a");
    let stub = Stub::start(move |request| {
        let manifest = manifest(&["application/wasm"], &content).into_bytes();
        let (token, body) = match request.path.contains("/manifests/") {
            true => ("Bearer T0", manifest),
            false => ("Bearer T1", content.clone()),
        };
        if request.header("authorization") == Some(token) {
            return Some(Answer::status(200).body(body));
        }
        Some(Answer::status(401).header("www-authenticate", &challenge))
    });
    assert_eq!(pull(&stub, Credentials::Anonymous).unwrap(), component("a"));
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn who_is_not_let_in_is_told_what_to_do() {
    let stub = Stub::start(guarded("nobody's", "Basic realm=\"x\"".to_owned()));
    let error = refused(&stub, Credentials::Anonymous);
    assert!(error.contains(&format!("docker login {}", stub.authority())), "{error}");
    assert_eq!(stub.seen().len(), 1);
    let error = refused(&stub, alice());
    assert!(error.contains("does not allow this to alice"), "{error}");
    assert_eq!(stub.seen().len(), 3, "a refused password is not tried again");

    let server = Stub::start(|_| Some(Answer::status(401)));
    let stub = Stub::start(guarded("nobody's", bearer(&server)));
    assert!(refused(&stub, alice()).contains("does not allow this to alice"));
    let stub = Stub::start(|_| Some(Answer::status(401)));
    assert!(refused(&stub, alice()).contains("other than Basic and Bearer"));
}

#[test]
fn answers_of_a_token_server_that_are_no_tokens_are_errors() {
    let cases = [
        (200, r#"{"token":""}"#, "contains no token"),
        (200, r#"{"token":"a\nb"}"#, "not valid in a header"),
        (200, r#"["s3cret-token"]"#, "contains no token"),
        (200, "", "contains no token"),
        (429, "", "limits the rate of requests"),
        (302, "", "status 302"),
        (500, "", "status 500"),
    ];
    for (status, body, expected) in cases {
        let server = Stub::start(move |_| Some(Answer::status(status).body(body)));
        let stub = Stub::start(guarded("nobody's", bearer(&server)));
        let error = refused(&stub, alice());
        assert!(error.contains(expected) && !error.contains("s3cret"), "{error}");
    }
}

#[test]
fn a_token_server_in_the_clear_elsewhere_is_told_nothing() {
    for realm in ["http://auth.example/token", "ftp://127.0.0.1/", "nonsense"] {
        let stub = Stub::start(guarded("nobody's", format!("Bearer realm=\"{realm}\"")));
        let error = refused(&stub, alice());
        assert!(
            error.contains("no credentials are sent to it")
                || error.contains("not a URL of a token server"),
            "{error}"
        );
    }
}

/// Serves manifests to Alice and sends whoever wants the component to `location`.
fn redirecting(location: String) -> Stub {
    let inner = guarded(BASIC, "Basic realm=\"x\"".to_owned());
    Stub::start(move |request| {
        if request.path.contains("/manifests/") {
            return inner(request);
        }
        Some(Answer::status(307).header("location", &location))
    })
}

#[test]
fn a_redirect_to_another_host_takes_no_credentials_along() {
    let storage = Stub::start(|_| Some(Answer::status(200).body(component("a"))));
    let stub = redirecting(storage.url("/blob?signature=1"));
    assert_eq!(pull(&stub, alice()).unwrap(), component("a"));
    assert_eq!(storage.lines(), ["GET /blob?signature=1"]);
    assert_eq!(storage.seen()[0].header("authorization"), None);
}

#[test]
fn another_host_that_asks_who_it_is_is_not_told() {
    let storage = Stub::start(guarded(BASIC, "Basic realm=\"x\"".to_owned()));
    let stub = redirecting(storage.url("/blob"));
    assert!(matches!(pull(&stub, alice()).unwrap_err(), Error::Unauthorized { .. }));
    assert_eq!(storage.seen().len(), 1);
    assert_eq!(storage.seen()[0].header("authorization"), None);
}

#[test]
fn redirects_without_end_or_into_the_clear_are_errors() {
    let error = refused(&redirecting("/v2/again".to_owned()), alice());
    assert!(error.contains("redirects too often"), "{error}");
    let error = refused(&redirecting("http://storage.example/x".to_owned()), alice());
    assert!(error.contains("does not use TLS"), "{error}");
}
