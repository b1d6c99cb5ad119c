//! Pages for browsers: what they may load, and who has them.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pilotlight_guest::engine::Placement;
use pilotlight_guest::service::{Head, Service};
use pilotlight_model::ModelFolder;
use pilotlight_testing::tiny_model;
use sha2::{Digest as _, Sha256};

use crate::support::{Reply, get, post, send, service};

const PAGES: [&str; 2] = ["/", "/docs"];
const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

fn any() -> Service {
    service("electra-token-classification")
}

/// What browsers send (Fetch standard, navigation).
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn asked(service: &Service, method: &str, path: &str, accept: Option<&str>) -> Reply {
    send(service, Head { method, path, accept, ..Head::default() }, b"")
}

fn page(service: &Service, path: &str) -> Reply {
    asked(service, "GET", path, Some(BROWSER))
}

fn html(reply: &Reply) -> String {
    assert_eq!((reply.status, reply.content_type), (200, HTML));
    String::from_utf8(reply.body.clone()).unwrap()
}

/// What stands in the only element of a name.
fn element<'a>(page: &'a str, name: &str) -> &'a str {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    let (_, behind) = page.split_once(&start).unwrap();
    let (content, rest) = behind.split_once(&end).unwrap();
    assert!(!rest.contains(&start), "two of {start}");
    content
}

fn digest(content: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(content)))
}

#[test]
fn nothing_but_the_page_s_own_style_and_script_runs() {
    let service = any();
    for path in PAGES {
        let reply = page(&service, path);
        let page = html(&reply);
        let policy = reply.header("content-security-policy").unwrap();
        let directives: Vec<&str> = policy.split("; ").collect();
        for (directive, name) in [("style-src", "style"), ("script-src", "script")] {
            let wanted = format!("{directive} {}", digest(element(&page, name)));
            assert!(directives.contains(&&wanted[..]), "{path}: {wanted} is not in {policy}");
        }
        for directive in ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'"] {
            assert!(directives.contains(&directive), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
    }
}

#[test]
fn pages_have_no_style_or_script_outside_of_their_elements() {
    let service = any();
    for path in PAGES {
        let page = html(&page(&service, path)).to_lowercase();
        for forbidden in [" style=", " onclick=", " onload=", "\"javascript:", "innerhtml"] {
            assert!(!page.contains(forbidden), "{path}: {forbidden}");
        }
    }
}

#[test]
fn pages_name_no_address_elsewhere() {
    let service = any();
    for path in PAGES {
        // A name, which nothing is fetched by.
        let page = html(&page(&service, path)).replace("http://www.w3.org/2000/svg", "");
        for scheme in ["http://", "https://", "//cdn", "ws://", "wss://"] {
            assert!(!page.contains(scheme), "{path}: {scheme}");
        }
    }
}

#[test]
fn the_head_of_a_page_can_be_asked_for() {
    let service = any();
    for path in ["/", "/docs", "/openapi.json"] {
        // The host leaves the content out.
        let head = asked(&service, "HEAD", path, Some(BROWSER));
        let whole = page(&service, path);
        assert_eq!(head.status, 200, "{path}");
        assert_eq!(head.content_type, whole.content_type);
        assert_eq!(head.headers, whole.headers);
    }
}

#[test]
fn only_who_asks_for_a_page_gets_one() {
    let service = any();
    for accept in [BROWSER, "text/html", "application/json, Text/HTML;q=0.5"] {
        let reply = asked(&service, "GET", "/", Some(accept));
        assert_eq!((reply.content_type, reply.header("vary")), (HTML, Some("accept")), "{accept}");
    }
    for accept in [None, Some(""), Some("*/*"), Some("application/json"), Some("text/htmlx")] {
        let reply = asked(&service, "GET", "/", accept);
        let found = (reply.status, reply.content_type, &reply.body[..], reply.header("vary"));
        assert_eq!(found, (200, TEXT, &b""[..], Some("accept")), "{accept:?}");
    }
}

#[test]
fn a_manifest_can_do_without_pages() {
    let folder = tiny_model::folder(&tiny_model::graph());
    let file = folder.path().join("model.toml");
    let manifest = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("playground = false\n{manifest}")).unwrap();
    let service =
        Service::load(&ModelFolder::open(folder.path()).unwrap(), Placement::default()).unwrap();
    let root = page(&service, "/");
    assert_eq!((root.status, root.content_type, root.body.len()), (200, TEXT, 0));
    assert_eq!(get(&service, "/docs").status, 404);
    post(&service, "/", &serde_json::json!({"inputs": "ada"})).ok();
    let document = get(&service, "/openapi.json").ok();
    assert!(document["paths"].get("/docs").is_none());
}
