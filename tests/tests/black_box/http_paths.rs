//! Every spelling of a path reaches the same endpoint, and none passes by what guards it.

use std::fs;
use std::path::Path;

use pilotlight_tests::{Answer, Server, component, pilotlight, send, test_guest};
use serde_json::json;
use tempfile::TempDir;
use ureq::http::{Method, Request};

use crate::answers::server;
use crate::http_acceptance::{ask, raw};

const NAME: &str = "Sarah";

/// Spellings of `/v1/redact`.
const REDACT: [&str; 10] = [
    "/v1/redact",
    "/v1/redact/",
    "/v1/%72edact",
    "/v1/%72%65%64%61%63%74/",
    "//v1/redact",
    "/v1//redact",
    "/./v1/redact",
    "/v1/./redact",
    "/x/../v1/redact",
    "/x/%2e%2E/v1/redact",
];

/// `POST` of a path as it is: clients change some.
fn post(server: &Server, path: &str, headers: &str, body: &str) -> (u16, String) {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{headers}\r\n"
    );
    let (head, body) = raw(&server.url, &(head + body));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
}

#[test]
fn paths_that_mean_the_same_have_the_same_endpoint() {
    let server = server();
    let body = json!({ "text": "My name is Sarah Smith." }).to_string();
    let plain = post(&server, "/v1/redact", "", &body);
    assert_eq!(plain.0, 200, "{}", plain.1);
    for path in REDACT {
        assert_eq!(post(&server, path, "", &body), plain, "{path}");
    }
    let body = json!({ "inputs": "My name is Sarah Smith." }).to_string();
    for path in ["/", "//", "/.", "/v1/token%2Dclassification", "/v1/token-classification/?x=%zz"] {
        assert_eq!(post(&server, path, "", &body).0, 200, "{path}");
    }
    for path in ["/V1/REDACT", "/v1%2Fredact", "/v1/redact%2F", "/v1/%2572edact", "/v1"] {
        assert_eq!(post(&server, path, "", &body).0, 404, "{path}");
    }
    for path in ["/v1/redact%", "/%zz", "/v1/%7"] {
        let (status, text) = post(&server, path, "", &body);
        assert!(status == 400 && text.contains("malformed"), "{path}: {status} {text}");
    }
    for path in ["/health/", "//health", "/%68ealth", "/functions/", "/functions/defa%75lt/"] {
        let asked = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        assert!(raw(&server.socket, &asked).0.starts_with("http/1.1 200"), "{path}");
    }
    assert_eq!(ask(&server.socket, Method::GET, "/%zz", &[]).status, 400);
}

/// A server where `path` is guarded by API keys and, if it is said so, by a de-identification, and
/// everything else is open.
fn guarded(source: &Path, path: &str, deidentify: &str) -> (TempDir, Server, String) {
    let folder = tempfile::tempdir().unwrap();
    let made = pilotlight(&["api-key", "tester"]).output().unwrap();
    let key = String::from_utf8(made.stderr).unwrap();
    let key = key.split_whitespace().last().unwrap().to_owned();
    let keys = folder.path().join("keys.toml");
    fs::write(&keys, made.stdout).unwrap();
    fs::set_permissions(&keys, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let text = format!(
        "[functions.default]\nsource = {source:?}\n[auth.keys]\napi-keys = \"keys.toml\"\n\
         [deidentify.words]\nmode = \"redact\"\n\
         [[routes]]\nmatch.path = {path:?}\nto = \"default\"\nauth = \"keys\"\n{deidentify}\n\
         [[routes]]\nto = \"default\"\n"
    );
    let file = folder.path().join("pilotlight.toml");
    fs::write(&file, text).unwrap();
    let server = Server::start(&["--config", file.to_str().unwrap()]);
    (folder, server, key)
}

#[test]
fn no_spelling_of_a_path_passes_by_its_authentication() {
    let body = json!({ "text": "My name is Sarah Smith." }).to_string();
    for path in ["/v1/redact", "/v1/redact/", "/v1/%72edact", "/v1/*", "/v1/red*"] {
        let (_folder, server, key) = guarded(&component(), path, "");
        for spelling in REDACT {
            assert_eq!(post(&server, spelling, "", &body).0, 401, "{path} {spelling}");
            let with = format!("x-api-key: {key}\r\n");
            assert_eq!(post(&server, spelling, &with, &body).0, 200, "{path} {spelling}");
        }
        for spelling in ["/V1/REDACT", "/v1%2Fredact", "/v1/%2572edact"] {
            assert_ne!(post(&server, spelling, "", &body).0, 200, "{path} {spelling}");
        }
    }
}

#[test]
fn no_spelling_of_a_path_passes_by_its_deidentification() {
    let (_folder, server, key) =
        guarded(&component(), "/v1/token-classification", "deidentify = \"words\"");
    let with = format!("x-api-key: {key}\r\n");
    let body = json!({ "inputs": "My name is Sarah Smith." }).to_string();
    for spelling in [
        "/v1/token-classification",
        "/v1/token-classification/",
        "/v1/token%2Dclassification",
        "/v1/token%2dclassification/",
        "//v1/token-classification",
        "/v1/./token-classification",
        "/%76%31/token-classification",
        "/v1/redact/../token-classification",
    ] {
        assert_eq!(post(&server, spelling, "", &body).0, 401, "{spelling}");
        let (status, text) = post(&server, spelling, &with, &body);
        assert!(status == 403 && !text.contains(NAME), "{spelling}: {status} {text}");
    }

    let (_folder, server, key) = guarded(&component(), "/*", "deidentify = \"words\"");
    let with = format!("x-api-key: {key}\r\n");
    let body = json!({ "text": "My name is Sarah Smith." }).to_string();
    for spelling in REDACT {
        let (status, text) = post(&server, spelling, &with, &body);
        assert!(status == 200 && !text.contains(NAME), "{spelling}: {status} {text}");
        assert!(text.contains("\"deidentified\""), "{text}");
    }
    for body in
        ["[\"My name is Sarah Smith.\"]", "{\"text\": \"a\", \"entities\": [[\"X\", 0, 1]]}"]
    {
        assert_eq!(post(&server, "/v1/redact", &with, body).0, 422, "{body}");
    }
    let marked = format!("\u{feff}{body}");
    assert_eq!(post(&server, "/v1/redact", &with, &marked).0, 200);
    let nulls = json!({ "text": "Sarah", "entities": null, "placeholder": null }).to_string();
    assert_eq!(post(&server, "/v1/redact", &with, &nulls).0, 200);
    let options = ask(&server.url, Method::OPTIONS, "/v1/redact/", &[("x-api-key", &key)]);
    assert_eq!((options.status, options.header("allow")), (204, "POST"));
    let head = ask(&server.url, Method::HEAD, "/info/", &[("x-api-key", &key)]);
    assert_eq!((head.status, head.text.as_str()), (200, ""));
}

#[test]
fn routes_for_other_functions_see_normal_paths_too() {
    let (_folder, server, _) = guarded(&test_guest("p3"), "/wait", "");
    let get = |path: &str| -> Answer {
        send(Request::get(format!("{}{path}", server.url)).body(Vec::new()).unwrap())
    };
    for spelling in ["/wait", "/wait/", "/%77ait", "//wait", "/x/../wait"] {
        assert_eq!(get(spelling).status, 401, "{spelling}");
    }
    assert_eq!(get("/count").status, 200);
    assert_eq!(get("/%63ount").text, "1");
}
