//! `/metrics`: what is counted, and for whom.

use std::fs;
use std::path::Path;
use std::time::Instant;

use pilotlight_testing::telemetry::{OPEN_METRICS, value};
use pilotlight_tests::{Server, component, send, test_guest};
use ureq::http::Request;

use super::{PATIENCE, digest, labels, metrics, p3, reaches, roll_back, swap, version};

#[test]
fn requests_are_counted_by_how_they_went() {
    let server = Server::start(&[p3().to_str().unwrap()]);
    let labels = labels(&p3());
    let start = metrics(&server);
    assert_eq!(
        value(&start, &format!("pilotlight_errors_total{{{labels},kind=\"panic\"}}")),
        Some(0.0)
    );
    server.get("/count");
    assert_eq!(server.get("/panic").status, 500);
    let head = Request::head(format!("{}/count", server.url));
    assert_eq!(send(head.body(Vec::new()).unwrap()).status, 200);
    reaches(&server, &format!("pilotlight_requests_total{{{labels},code=\"200\"}}"), 2.0);
    reaches(&server, &format!("pilotlight_requests_total{{{labels},code=\"500\"}}"), 1.0);
    reaches(&server, &format!("pilotlight_requests_in_flight{{{labels}}}"), 0.0);
    let text = metrics(&server);
    let count = |name: &str| value(&text, name).unwrap();
    assert_eq!(count(&format!("pilotlight_errors_total{{{labels},kind=\"panic\"}}")), 1.0);
    assert_eq!(count(&format!("pilotlight_errors_total{{{labels},kind=\"disconnected\"}}")), 0.0);
    assert_eq!(count(&format!("pilotlight_request_duration_seconds_count{{{labels}}}")), 3.0);
    for stage in ["queue", "guest"] {
        let series =
            format!("pilotlight_stage_duration_seconds_count{{{labels},stage=\"{stage}\"}}");
        assert_eq!(count(&series), 2.0, "the one that panicked has not come to its end");
    }
    let taken = ["ready", "inline"]
        .map(|way| count(&format!("pilotlight_pool_acquired_total{{{labels},way=\"{way}\"}}")));
    assert_eq!(taken.iter().sum::<f64>(), 3.0);
    assert!(count("process_resident_memory_bytes") > 1e6);
}

#[test]
fn half_an_answer_and_a_client_that_leaves_are_counted_as_such() {
    use std::io::{Read as _, Write as _};
    let server = Server::start(&[p3().to_str().unwrap()]);
    let labels = labels(&p3());
    let ask = |path: &str| {
        let address = server.url.strip_prefix("http://").unwrap();
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        stream
    };
    let mut answer = Vec::new();
    ask("/half").read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    reaches(&server, &format!("pilotlight_errors_total{{{labels},kind=\"half_response\"}}"), 1.0);
    let client = ask("/spin");
    reaches(&server, &format!("pilotlight_requests_in_flight{{{labels}}}"), 1.0);
    drop(client);
    reaches(&server, &format!("pilotlight_errors_total{{{labels},kind=\"disconnected\"}}"), 1.0);
    reaches(&server, &format!("pilotlight_requests_total{{{labels},code=\"499\"}}"), 1.0);
    reaches(&server, &format!("pilotlight_requests_in_flight{{{labels}}}"), 0.0);
}

#[test]
fn requests_for_nobody_are_counted_without_a_function() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("pilotlight.toml");
    let text = format!(
        "functions.only.source = '{}'\n[[routes]]\nmatch.path = '/count'\nto = 'only'",
        p3().display()
    );
    fs::write(&config, text).unwrap();
    let server = Server::start(&["--config", config.to_str().unwrap()]);
    assert_eq!(server.get("/other").status, 404);
    reaches(&server, "pilotlight_requests_total{code=\"404\"}", 1.0);
    reaches(&server, "pilotlight_errors_total{kind=\"not_found\"}", 1.0);
    assert_eq!(server.get("/count").status, 200);
    let of_the_only = format!("function=\"only\",version=\"{}\"", digest(&p3()));
    reaches(&server, &format!("pilotlight_requests_total{{{of_the_only},code=\"200\"}}"), 1.0);
}

#[test]
fn metrics_are_written_as_they_are_asked_for() {
    let server = Server::start(&[p3().to_str().unwrap()]);
    for (accept, content_type) in [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        (OPEN_METRICS, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    ] {
        let request = Request::get(format!("{}/metrics", server.admin)).header("accept", accept);
        let answer = send(request.body(Vec::new()).unwrap());
        assert_eq!((answer.status, answer.header("content-type")), (200, content_type));
        assert_eq!(answer.text.ends_with("# EOF\n"), accept == OPEN_METRICS);
    }
    let posted = Request::post(format!("{}/metrics", server.admin)).body(Vec::new());
    assert_eq!(send(posted.unwrap()).status, 405);
}

#[test]
fn changes_of_versions_are_counted_and_no_series_outlives_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let versions = ["one", "two", "three", "four"].map(|name| version(&folder, name));
    let server = Server::start(&[versions[0].to_str().unwrap()]);
    for change in 1..=20 {
        assert_eq!(swap(&server, &versions[change % 4]), 200);
        assert_eq!(server.get("/count").status, 200);
    }
    assert_eq!(swap(&server, Path::new("absent.wasm")), 422);
    assert_eq!(roll_back(&server), 200);
    let swaps =
        |outcome| format!("pilotlight_swaps_total{{function=\"default\",outcome=\"{outcome}\"}}");
    let text = metrics(&server);
    assert_eq!(value(&text, &swaps("taken_over")), Some(20.0));
    assert_eq!(value(&text, &swaps("refused")), Some(1.0));
    let by_operator = "pilotlight_rollbacks_total{function=\"default\",cause=\"operator\"}";
    assert_eq!(value(&text, by_operator), Some(1.0));
    // Versions are let go of in the background.
    let gone: Vec<String> = versions[1..3].iter().map(|path| digest(path)).collect();
    let start = Instant::now();
    let told = |text: &str| gone.iter().any(|version| text.contains(version.as_str()));
    while told(&metrics(&server)) {
        assert!(start.elapsed() < PATIENCE, "{}", metrics(&server));
        std::thread::yield_now();
    }
    let text = metrics(&server);
    for left in [&versions[0], &versions[3]] {
        assert!(text.contains(&digest(left)), "{text}");
    }
}

#[test]
fn a_canary_that_is_rolled_back_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("pilotlight.toml");
    // The old one does not know the path on which the new one fails.
    let (old, new) = (test_guest("p2"), p3());
    let text = format!(
        "functions.old.source = '{}'\nfunctions.new.source = '{}'\n\
         [[routes]]\nname = 'all'\nto = [{{ target = 'old', weight = 1 }}, {{ target = 'new', weight = 1 }}]\n\
         canary = {{ target = 'new', steps = [{{ share = 0.9, for = '1h' }}] }}",
        old.display(),
        new.display()
    );
    fs::write(&config, text).unwrap();
    let server = Server::start(&["--config", config.to_str().unwrap()]);
    let state = |state| format!("pilotlight_canary_state{{route=\"all\",state=\"{state}\"}}");
    assert_eq!(value(&metrics(&server), &state("running")), Some(1.0));
    let rolled_back = "pilotlight_rollbacks_total{function=\"new\",cause=\"canary\"}";
    let start = Instant::now();
    while value(&metrics(&server), rolled_back) != Some(1.0) {
        assert!(start.elapsed() < PATIENCE, "{}", metrics(&server));
        assert!(matches!(server.get("/trap").status, 200 | 500));
    }
    let text = metrics(&server);
    assert_eq!(value(&text, &state("rolled_back")), Some(1.0));
    assert_eq!(value(&text, "pilotlight_canary_share_ratio{route=\"all\"}"), Some(0.0));
}

#[test]
fn stages_that_our_guest_tells_of_are_counted() {
    let server = Server::start(&[component().to_str().unwrap()]);
    assert_eq!(server.get("/info").status, 200);
    assert_eq!(server.post("/", r#"{"inputs": "Ada Lovelace lives in London."}"#).status, 200);
    let labels = format!("{},task=\"token-classification\"", labels(&component()));
    let counted = |stage: &str| {
        format!("pilotlight_stage_duration_seconds_count{{{labels},stage=\"{stage}\"}}")
    };
    reaches(&server, &counted("guest"), 2.0);
    reaches(&server, &format!("pilotlight_requests_in_flight{{{labels}}}"), 0.0);
    let text = metrics(&server);
    for stage in ["tokenize", "compute", "decode"] {
        assert_eq!(value(&text, &counted(stage)), Some(1.0), "{stage}: /info has none");
    }
    // It says how long its answers are: nobody asks for more than that.
    let disconnected = format!("pilotlight_errors_total{{{labels},kind=\"disconnected\"}}");
    assert_eq!(value(&text, &disconnected), Some(0.0));
}
