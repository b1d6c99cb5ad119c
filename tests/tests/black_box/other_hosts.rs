//! The same component elsewhere answers the same.

use std::path::Path;
use std::process::Command;

use pilotlight_testing::{free_port, skipped};
use pilotlight_tests::{Answer, Server, component, outcome, pilotlight, root};
use serde_json::{Value, json};

use crate::answers::{check_golden_labels, golden, server};

/// An address that nobody listens on.
pub(crate) fn free_address() -> String {
    format!("127.0.0.1:{}", free_port())
}

fn requests() -> Vec<(&'static str, String)> {
    let texts: Vec<Value> = golden().iter().step_by(10).map(|line| line["text"].clone()).collect();
    let mut requests = vec![("/", json!({"inputs": texts}).to_string())];
    for strategy in ["none", "first", "average", "max"] {
        let parameters = json!({"aggregation_strategy": strategy, "ignore_labels": []});
        let body = json!({"inputs": texts[5], "parameters": parameters}).to_string();
        requests.push(("/v1/token-classification", body));
    }
    requests.push(("/v1/redact", json!({"text": texts[7]}).to_string()));
    requests.extend(["", "{", "[]", r#"{"inputs": 1}"#].map(|body| ("/", body.to_owned())));
    requests.push(("/nowhere", String::new()));
    requests.push(("/info", String::new()));
    requests.push(("/", " ".repeat(300_000)));
    requests
}

fn compare(server: &Server, peer: &Server) {
    let essence = |answer: &Answer| {
        let header = |name| answer.header(name).to_owned();
        (answer.status, header("content-type"), header("allow"), answer.text.clone())
    };
    for (path, body) in requests() {
        let (ours, theirs) = (server.post(path, body.clone()), peer.post(path, body.clone()));
        assert_eq!(essence(&ours), essence(&theirs), "{path} {}", &body[..body.len().min(200)]);
    }
    assert_eq!(server.get("/info").text, peer.get("/info").text);
}

#[test]
fn wasmtime_serve_answers_like_pilotlight_serve() {
    let options = ["-Sp3,cli", "-Wcomponent-model-async"];
    if let Some(peer) = wasmtime_serve(&options, &component()) {
        compare(&server(), &peer);
    }
}

/// Short requests are answered while another one computes for seconds: they have instances of
/// their own.
fn check_instances_that_compute(server: &Server) {
    let body = |text: &str| json!({"inputs": text}).to_string();
    let long = body(&"My name is Sarah Connor and I live in Springfield. ".repeat(400));
    std::thread::scope(|scope| {
        let computing = scope.spawn(|| server.post("/", long).status);
        for number in 0..10 {
            assert_eq!(server.post("/", body("I am Sarah.")).status, 200);
            assert!(!computing.is_finished(), "request {number} waited for the long one");
        }
        assert_eq!(computing.join().unwrap(), 200);
    });
}

#[test]
fn wasmtime_serve_starts_no_request_in_an_instance_that_computes() {
    let options = ["-Sp3,cli", "-Wcomponent-model-async"];
    if let Some(peer) = wasmtime_serve(&options, &component()) {
        check_instances_that_compute(&peer);
    }
}

#[test]
fn pilotlight_serve_starts_no_request_in_an_instance_that_computes() {
    let shared = ["--requests-per-instance", "128", "--concurrent-requests-per-instance", "16"];
    let component = component();
    let arguments = [&[component.to_str().unwrap()][..], &shared].concat();
    check_instances_that_compute(&Server::start(&arguments));
}

/// The published `wasmtime serve`, where there is one.
pub(crate) fn wasmtime_serve(options: &[&str], component: &Path) -> Option<Server> {
    let Some(wasmtime) = std::env::var_os("PILOTLIGHT_WASMTIME") else {
        assert!(std::env::var_os("CI").is_none(), "CI compares with wasmtime");
        skipped("PILOTLIGHT_WASMTIME is not set; cargo xtask test sets it");
        return None;
    };
    let address = free_address();
    let mut command = Command::new(wasmtime);
    command.arg("serve").args(options).args(["--addr", &address]).arg(component);
    Some(Server::start_peer(&mut command, &format!("http://{address}")))
}

/// Builds the default model for hosts that have no more than `target`, and serves it.
fn check_target(target: &str, without: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let (model, output) = (root().join("models/pii-ner"), folder.path().join("other.wasm"));
    let mut build = pilotlight(&["build", "--precision", "f32", "--target", target, "-o"]);
    let (code, log) = outcome(build.arg(&output).arg(model));
    assert_eq!(code, 0, "{log}");
    let server = Server::start(&[output.to_str().unwrap()]);
    check_golden_labels(&server, 1000);
    if let Some(peer) = wasmtime_serve(without, &output) {
        compare(&server, &peer);
    }
}

#[test]
fn hosts_of_wasi_0_2_have_a_component_that_answers_the_same() {
    check_target("wasi-0.2", &["-Sp3=n,cli", "-Wcomponent-model-async=n"]);
}

#[test]
fn hosts_without_relaxed_simd_have_a_component_that_answers_the_same() {
    let without = ["-Sp3=n,cli", "-Wcomponent-model-async=n", "-Wrelaxed-simd=n"];
    check_target("wasi-0.2-simd128", &without);
}

#[test]
fn spin_answers_like_pilotlight_serve() {
    if let Some(peer) = spin() {
        compare(&server(), &peer);
        check_instances_that_compute(&peer);
    }
}

/// Whether Spin is installed; said aloud where it is not.
pub(crate) fn has_spin() -> bool {
    let found = Command::new("spin").arg("--version").output().is_ok();
    if !found {
        skipped("there is no spin on the PATH");
    }
    found
}

/// Spin, where it is installed.
fn spin() -> Option<Server> {
    if !has_spin() {
        return None;
    }
    let address = free_address();
    let mut command = Command::new("spin");
    command.args(["up", "--listen", &address]).current_dir(root());
    Some(Server::start_peer(&mut command, &format!("http://{address}")))
}
