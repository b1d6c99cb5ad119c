//! What clients of HTTP commonly send is accepted, and what HTTP forbids is refused.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use pilotlight_tests::{Answer, Server, send, send_to_socket, test_guest};
use serde_json::json;
use ureq::http::{Method, Request};

use crate::answers::server;

const JSON: &str = "application/json";

pub(crate) fn ask(base: &str, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let is_socket = base.starts_with("unix:");
    let uri = if is_socket { path.to_owned() } else { format!("{base}{path}") };
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Vec::new()).unwrap();
    if is_socket { send_to_socket(base, &request) } else { send(request) }
}

/// Sends bytes, and reads until the server closes the connection: head, in small letters, and body.
pub(crate) fn raw(base: &str, request: &str) -> (String, String) {
    let answer = match base.strip_prefix("unix:") {
        Some(path) => exchange(UnixStream::connect(path).unwrap(), request),
        None => exchange(TcpStream::connect(&base["http://".len()..]).unwrap(), request),
    };
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

fn exchange(mut stream: impl Read + Write, request: &str) -> Vec<u8> {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn encoded(server: &Server, path: &str, coding: &str, body: Vec<u8>) -> Answer {
    let request = Request::post(format!("{}{path}", server.url));
    let request = request.header("content-type", JSON).header("content-encoding", coding);
    send(request.body(body).unwrap())
}

fn refused(answer: &Answer, status: u16, error_type: &str) {
    assert_eq!((answer.status, &answer.json()["error_type"]), (status, &json!(error_type)));
    assert!(!answer.header("x-request-id").is_empty());
}

#[test]
fn null_is_the_default_and_a_byte_order_mark_is_ignored() {
    let server = server();
    let text = "My name is Sarah Smith.";
    let plain = server.post("/", json!({ "inputs": text }).to_string());
    assert_eq!(plain.status, 200);
    for parameters in [
        json!(null),
        json!({ "aggregation_strategy": null, "ignore_labels": null, "stride": null }),
    ] {
        let body = json!({ "inputs": text, "parameters": parameters, "options": null });
        assert_eq!(server.post("/", body.to_string()).text, plain.text, "{body}");
    }
    let marked = format!("\u{feff}{}", json!({ "inputs": text }));
    assert_eq!(server.post("/", marked).text, plain.text);
    let body = json!({ "text": text, "entities": null, "placeholder": null });
    let redacted = server.post("/v1/redact", format!("\u{feff}{body}"));
    assert_eq!((redacted.status, redacted.text.contains("Sarah Smith.\"")), (200, false));
}

#[test]
fn head_is_answered_like_get_without_content() {
    let server = server();
    let same = |base: &str, path: &str| {
        let get = ask(base, Method::GET, path, &[]);
        let text = format!("HEAD {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let (head, body) = raw(base, &text);
        assert!(head.starts_with(&format!("http/1.1 {}", get.status)), "{path}: {head}");
        assert_eq!(body, "", "{path}");
        for name in ["content-type", "content-length"] {
            let line = format!("{name}: {}", get.header(name));
            // What is counted in /status and /metrics may be longer the next time.
            let line = if path.len() > 6 && name == "content-length" { name } else { &line };
            assert!(head.contains(line), "{path}: {line} is not in {head}");
        }
        let other = ask(base, Method::DELETE, path, &[]);
        assert_eq!((other.status, other.header("allow")), (405, "GET, HEAD"), "{path}");
    };
    same(&server.url, "/info");
    for path in ["/health", "/ready", "/status", "/routes", "/metrics", "/functions"] {
        same(&server.socket, path);
    }
    let one = ask(&server.socket, Method::HEAD, "/functions/default", &[]);
    assert_eq!((one.status, one.text.as_str()), (200, ""));
}

#[test]
fn head_of_pages_and_of_other_servers_interfaces_is_answered_like_get_without_content() {
    let server = server();
    for path in ["/docs", "/openapi.json", "/v1/models", "/health", "/v2/health/live", "/v2"] {
        let [get, head] =
            [Method::GET, Method::HEAD].map(|method| ask(&server.url, method, path, &[]));
        assert_eq!((get.status, head.status, head.text.as_str()), (200, 200, ""), "{path}");
        assert_eq!(get.header("content-type"), head.header("content-type"), "{path}");
        let length = get.header("content-length");
        assert!(length.is_empty() || length == head.header("content-length"), "{path}: {length}");
    }
}

#[test]
fn options_tells_what_a_path_takes() {
    let server = server();
    for (base, path, allow) in [
        (&server.url, "/", "POST, GET, HEAD"),
        (&server.url, "/v1/token-classification", "POST"),
        (&server.url, "/v1/redact/", "POST"),
        (&server.url, "/info", "GET, HEAD"),
        (&server.socket, "/health", "GET, HEAD"),
        (&server.socket, "/functions", "GET, HEAD"),
        (&server.socket, "/functions/default", "GET, HEAD, PUT"),
        (&server.socket, "/functions/default/rollback", "POST"),
    ] {
        let answer = ask(base, Method::OPTIONS, path, &[]);
        assert_eq!((answer.status, answer.header("allow")), (204, allow), "{path}");
        assert_eq!(answer.text, "");
        let header = |name| answer.headers.contains_key(name);
        assert!(!header("content-length") && !header("access-control-allow-origin"), "{path}");
    }
    for base in [&server.url, &server.socket] {
        assert_eq!(ask(base, Method::OPTIONS, "/nowhere", &[]).status, 404);
        let all = "OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        let (head, _) = raw(base, all);
        assert!(head.starts_with("http/1.1 204") && head.contains("allow: get, head"), "{head}");
        assert!(*base == server.socket || head.contains("x-request-id: "), "{head}");
    }
}

#[test]
fn compressed_bodies_are_decoded_within_the_limits() {
    let server = server();
    let body = json!({ "inputs": "My name is Sarah Smith." }).to_string();
    let plain = server.post("/", body.clone());
    let half = body.len() / 2;
    let members = [gzip(&body.as_bytes()[..half]), gzip(&body.as_bytes()[half..])].concat();
    for (coding, sent) in [
        ("gzip", gzip(body.as_bytes())),
        ("X-GZip", gzip(body.as_bytes())),
        ("deflate", deflate(body.as_bytes())),
        ("identity", body.clone().into_bytes()),
        ("identity, gzip", members),
    ] {
        let answer = encoded(&server, "/", coding, sent);
        assert_eq!((answer.status, &answer.text), (200, &plain.text), "{coding}");
    }
    let whole = gzip(body.as_bytes());
    let mut wrong_sum = whole.clone();
    let at = whole.len() - 6;
    wrong_sum[at] ^= 1;
    for broken in [
        body.clone().into_bytes(),
        whole[..whole.len() - 1].to_vec(),
        whole[..5].to_vec(),
        wrong_sum,
        [&whole[..], b"rest"].concat(),
    ] {
        refused(&encoded(&server, "/", "gzip", broken), 400, "malformed");
    }
    // Beyond the server's limit, and beyond the model's.
    for length in [64 << 20, 512 << 10] {
        let bomb = vec![b' '; length];
        refused(&encoded(&server, "/", "gzip", gzip(&bomb)), 413, "payload_too_large");
        refused(&encoded(&server, "/", "deflate", deflate(&bomb)), 413, "payload_too_large");
    }
    assert_eq!(server.get("/info").status, 200);
}

#[test]
fn other_codings_are_refused_with_those_that_are_known() {
    let server = server();
    let body = json!({ "inputs": "a" }).to_string();
    for coding in ["br", "zstd", "gzip, deflate", "compress", "gzip, gzip", "br, gzip", "nonsense"]
    {
        for path in ["/", "/v1/redact"] {
            let answer = encoded(&server, path, coding, body.clone().into_bytes());
            refused(&answer, 415, "unsupported_media_type");
            assert_eq!(answer.header("accept-encoding"), "gzip, deflate, identity", "{coding}");
        }
    }
}

#[test]
fn functions_of_any_kind_get_bodies_as_they_were_before_they_were_compressed() {
    let server = Server::start(&[test_guest("p3").to_str().unwrap()]);
    let body = vec![b'x'; 300_000];
    assert_eq!(encoded(&server, "/wait", "gzip", gzip(&body)).text, "1 300000");
    let server = Server::start(&[test_guest("p3").to_str().unwrap(), "--stream-bodies"]);
    assert_eq!(encoded(&server, "/wait", "gzip", gzip(&body)).text, "1 300000");
    let bomb = encoded(&server, "/wait", "gzip", gzip(&vec![b'x'; 64 << 20]));
    // The body breaks off within the limit, whatever this function makes of that.
    refused(&bomb, 413, "payload_too_large");
}

#[test]
fn what_does_not_compress_may_have_as_many_bytes_as_it_has_uncompressed() {
    let server = Server::start(&[test_guest("p3").to_str().unwrap()]);
    let stored = |length: usize| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
        encoder.write_all(&vec![b'x'; length]).unwrap();
        encoder.finish().unwrap()
    };
    let limit = 1 << 20;
    assert!(stored(limit).len() > limit);
    assert_eq!(encoded(&server, "/wait", "gzip", stored(limit)).text, format!("1 {limit}"));
    refused(&encoded(&server, "/wait", "gzip", stored(limit + 1)), 413, "payload_too_large");
    refused(&encoded(&server, "/wait", "gzip", stored(2 * limit)), 413, "payload_too_large");
}

#[test]
fn a_request_names_one_valid_host() {
    let server = server();
    for base in [&server.url, &server.socket] {
        let get = |hosts: &str| {
            let path = if *base == server.url { "/info" } else { "/health" };
            raw(base, &format!("GET {path} HTTP/1.1\r\n{hosts}connection: close\r\n\r\n"))
        };
        assert!(get("host: a.example:80\r\n").0.starts_with("http/1.1 200"));
        for hosts in [
            "",
            "host: a\r\nhost: a\r\n",
            "host: a\r\nHost: b\r\n",
            "host:\r\n",
            "host: a b\r\n",
            "host: a/b\r\n",
            "host: u@a\r\n",
            "host: a:x\r\n",
            "host: [::1\r\n",
        ] {
            let (head, body) = get(hosts);
            assert!(head.starts_with("http/1.1 400"), "{hosts:?}: {head}");
            assert!(body.contains("\"malformed\"") && body.contains("host"), "{hosts:?}: {body}");
            assert!(head.contains("x-request-id: "), "{hosts:?}: {head}");
        }
    }
    let keeps_on = raw(&server.url, "GET /info HTTP/1.1\r\n\r\n");
    assert!(keeps_on.0.contains("connection: close"), "{}", keeps_on.0);
    let old = raw(&server.url, "GET /info HTTP/1.0\r\n\r\n");
    assert!(old.0.contains(" 200 "), "{}", old.0);
    let absolute = "GET http://b.example/info HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    assert!(raw(&server.url, absolute).0.starts_with("http/1.1 200"));
    let absolute = "GET http://b.example/info HTTP/1.1\r\nconnection: close\r\n\r\n";
    assert!(raw(&server.url, absolute).0.starts_with("http/1.1 400"));
}

#[test]
fn json_of_another_shape_is_told_from_what_is_not_json_by_the_administration() {
    let server = Server::start(&[test_guest("p3").to_str().unwrap()]);
    let put = |body: &[u8]| {
        let request = Request::put("/functions/default").header("content-type", JSON);
        server.ask(request.body(body.to_vec()).unwrap()).status
    };
    for body in ["{}", "[]", r#"["x"]"#, r#"{"source": 1}"#, r#"{"source": null}"#, "null"] {
        assert_eq!(put(body.as_bytes()), 422, "{body}");
    }
    for body in [&b""[..], b"{", b"{\"source\": \"\xff\"}"] {
        assert_eq!(put(body), 400, "{body:?}");
    }
    let guest = json!({ "source": test_guest("p3") }).to_string();
    assert_eq!(put(format!("\u{feff}{guest}").as_bytes()), 200);
    let request = Request::put("/functions/default").header("content-type", JSON);
    let request = request.header("content-encoding", "gzip");
    assert_eq!(server.ask(request.body(gzip(guest.as_bytes())).unwrap()).status, 200);
}
