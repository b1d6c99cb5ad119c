//! Web pages of other origins: allowed where a configuration says so, and nowhere else.

use std::fs;
use std::path::PathBuf;

use pilotlight_tests::{Answer, Server, outcome, pilotlight, test_guest};
use tempfile::TempDir;
use ureq::http::Method;

use crate::http_acceptance::ask;

const PAGE: &str = "https://app.example";
const ORIGIN: (&str, &str) = ("origin", PAGE);
const PREFLIGHT: [(&str, &str); 3] = [
    ORIGIN,
    ("access-control-request-method", "POST"),
    ("access-control-request-headers", "authorization,content-type"),
];

const ALLOW_ORIGIN: &str = "access-control-allow-origin";

/// A folder with a configuration whose function is guarded by keys that nobody has.
fn folder(cors: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let made = pilotlight(&["api-key", "tester"]).output().unwrap();
    let keys = folder.path().join("keys.toml");
    fs::write(&keys, made.stdout).unwrap();
    fs::set_permissions(&keys, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let text = format!(
        "{cors}\n[http]\nmax-body-bytes = \"1KiB\"\n[functions.default]\nsource = {:?}\n\
         [auth.keys]\napi-keys = \"keys.toml\"\n\
         [[routes]]\nmatch.path = \"/open/*\"\nto = \"default\"\n\
         [[routes]]\nmatch.path = \"/count\"\nto = \"default\"\nauth = \"keys\"\n",
        test_guest("p3")
    );
    let file = folder.path().join("pilotlight.toml");
    fs::write(&file, text).unwrap();
    (folder, file)
}

fn served(cors: &str) -> (TempDir, Server) {
    let (folder, file) = folder(cors);
    let server = Server::start(&["--config", file.to_str().unwrap()]);
    (folder, server)
}

fn cors_headers(answer: &Answer) -> Vec<String> {
    let names = answer.headers.keys().map(|name| name.as_str());
    names.filter(|name| name.starts_with("access-control-")).map(str::to_owned).collect()
}

#[test]
fn preflight_requests_are_answered_before_anybody_is_asked_who_they_are() {
    let (_folder, server) = served(
        "[cors]\nallow-origins = [\"https://app.example\", \"http://localhost:5173\"]\nmax-age = \"10m\"",
    );
    let answer = ask(&server.url, Method::OPTIONS, "/count", &PREFLIGHT);
    assert!((200..300).contains(&answer.status), "{}", answer.status);
    assert_eq!(answer.header(ALLOW_ORIGIN), PAGE);
    assert!(answer.header("access-control-allow-methods").contains("POST"));
    let headers = answer.header("access-control-allow-headers").to_ascii_lowercase();
    assert!(headers.contains("authorization") && headers.contains("content-type"), "{headers}");
    assert_eq!(answer.header("access-control-max-age"), "600");
    assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    assert!(!answer.header("x-request-id").is_empty());
    assert!(answer.header("vary").to_ascii_lowercase().contains("origin"));

    let other = ask(
        &server.url,
        Method::OPTIONS,
        "/count",
        &[("origin", "https://b.example"), PREFLIGHT[1]],
    );
    assert!(!other.headers.contains_key(ALLOW_ORIGIN));
    // What is no preflight request goes where it always went.
    for (path, status) in [("/count", 401), ("/nowhere", 404)] {
        let options = ask(&server.url, Method::OPTIONS, path, &[ORIGIN]);
        assert_eq!((options.status, options.header(ALLOW_ORIGIN)), (status, PAGE), "{path}");
        assert!(options.header("vary").to_ascii_lowercase().contains("origin"), "{path}");
        assert!(options.headers.contains_key("access-control-expose-headers"), "{path}");
        assert!(!options.header("x-request-id").is_empty(), "{path}");
    }
    assert_eq!(cors_headers(&ask(&server.admin, Method::GET, "/health", &[ORIGIN])), [""; 0]);
}

#[test]
fn answers_and_refusals_can_be_read_by_the_page() {
    let (_folder, server) = served("[cors]\nallow-origins = [\"https://app.example\"]");
    for (path, status) in [("/open/x", 200), ("/count", 401), ("/nowhere", 404), ("/%zz", 400)] {
        let answer = ask(&server.url, Method::GET, path, &[ORIGIN]);
        assert_eq!(answer.header(ALLOW_ORIGIN), PAGE, "{path}");
        assert!(answer.header("access-control-expose-headers").contains("retry-after"), "{path}");
        if path != "/open/x" {
            assert_eq!(answer.status, status, "{path}");
        }
    }
    let request =
        ureq::http::Request::post(format!("{}/open/x", server.url)).header("origin", PAGE);
    let answer = pilotlight_tests::send(request.body(vec![b'x'; 2000]).unwrap());
    assert_eq!((answer.status, answer.header(ALLOW_ORIGIN)), (413, PAGE));
    let request =
        ureq::http::Request::post(format!("{}/open/x", server.url)).header("origin", PAGE);
    let request = request.header("content-encoding", "br");
    let answer = pilotlight_tests::send(request.body(vec![b'x'; 20]).unwrap());
    assert_eq!((answer.status, answer.header(ALLOW_ORIGIN)), (415, PAGE));
}

#[test]
fn everybody_may_where_it_is_said_so() {
    let everybody = |server: &Server| {
        let answer = ask(&server.url, Method::GET, "/open/x", &[("origin", "https://any.example")]);
        assert_eq!(answer.header(ALLOW_ORIGIN), "*");
    };
    everybody(&served("[cors]\nallow-origins = [\"*\"]\nallow-headers = [\"*\"]").1);
    let guest = test_guest("p3");
    everybody(&Server::start(&[guest.to_str().unwrap(), "--cors-allow-origin", "*"]));
    let credentials = "[cors]\nallow-origins = [\"https://app.example\"]\nallow-credentials = true";
    let answer = ask(&served(credentials).1.url, Method::GET, "/open/x", &[ORIGIN]);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
}

#[test]
fn any_header_may_be_sent_where_it_is_said_so_and_that_is_authorization_too() {
    let (_folder, server) = served("[cors]\nallow-origins = [\"*\"]\nallow-headers = [\"*\"]");
    let asked =
        [PREFLIGHT[0], PREFLIGHT[1], ("access-control-request-headers", "authorization,x-a")];
    let answer = ask(&server.url, Method::OPTIONS, "/count", &asked);
    assert_eq!(answer.header("access-control-allow-headers"), "authorization,x-a");
    let vary = answer.header("vary").to_ascii_lowercase();
    assert!(vary.contains("access-control-request-headers"), "{vary}");
}

#[test]
fn without_a_configuration_there_are_no_such_headers() {
    let (_folder, server) = served("");
    for (method, path) in
        [(Method::GET, "/open/x"), (Method::OPTIONS, "/open/x"), (Method::GET, "/count")]
    {
        assert_eq!(cors_headers(&ask(&server.url, method, path, &PREFLIGHT)), [""; 0]);
    }
}

#[test]
fn what_browsers_would_refuse_is_a_mistake_with_its_place() {
    for (cors, mistake) in [
        (
            "allow-origins = [\"*\"]\nallow-credentials = true",
            "cors.allow-origins: must not be `*`",
        ),
        (
            "allow-origins = [\"https://a.example\"]\nallow-headers = [\"*\"]\nallow-credentials = true",
            "cors.allow-headers: must not be `*`",
        ),
        ("allow-origins = [\"https://a.example/\"]", "cors.allow-origins[0]: "),
        ("allow-origins = [\"*\", \"https://a.example\"]", "cors.allow-origins: contains `*`"),
        ("allow-origins = []", "cors.allow-origins: contains no origin"),
        ("allow-methods = [\"GET\"]", "allow-origins"),
        ("allow-origins = [\"*\"]\nallow-methods = [\"get\"]", "cors.allow-methods[0]: "),
        ("allow-origins = [\"*\"]\nmax-age = \"25h\"", "cors.max-age: "),
        ("allow-origins = [\"*\"]\nallow-origin = \"*\"", "allow-origins"),
    ] {
        let (_folder, file) = folder(&format!("[cors]\n{cors}"));
        let checked = pilotlight(&["check", file.to_str().unwrap()]).output().unwrap();
        let told = String::from_utf8(checked.stdout).unwrap();
        assert!(!checked.status.success() && told.contains(mistake), "{cors}: {told}");
    }
    for origin in ["https://a.example/", "a.example", ""] {
        let guest = test_guest("p3");
        let serve = ["serve", guest.to_str().unwrap(), "--cors-allow-origin", origin];
        let (code, told) = outcome(&mut pilotlight(&serve));
        assert!(code == 2 && told.contains("is not an origin"), "{told}");
    }
}
