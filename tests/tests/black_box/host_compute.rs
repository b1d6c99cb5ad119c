//! The default model and others, computed on the host.

use std::fs::File;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use pilotlight_testing::skipped;
use pilotlight_testing::tiny_model;
use pilotlight_tests::{Answer, Server, outcome, pilotlight, root};
use serde_json::json;

use crate::answers::check_golden_labels;

const CORPUS: &str = "host/src/bin/pilotlight/build/corpus.txt";

/// The backends there are here; in CI both.
pub(crate) fn backends() -> Vec<&'static str> {
    let found = std::env::var_os("ORT_DYLIB_PATH").is_some();
    let wanted = std::env::var_os("PILOTLIGHT_REQUIRE_ORT").is_some();
    assert!(found || !wanted, "ORT_DYLIB_PATH does not say where ONNX Runtime lies");
    if !found {
        skipped("onnxruntime, since ORT_DYLIB_PATH does not say where it lies");
        return vec!["native", "tract"];
    }
    vec!["native", "tract", "onnxruntime"]
}

fn model() -> String {
    root().join("models/pii-ner").to_str().unwrap().to_owned()
}

pub(crate) fn serve(model: &str, backend: &str, arguments: &[&str]) -> Server {
    let host = [model, "--compute", "host", "--backend", backend];
    Server::start(&[&host, arguments].concat())
}

fn status(server: &Server) -> serde_json::Value {
    server.status("/status").json()
}

pub(crate) fn graph_status(server: &Server) -> serde_json::Value {
    status(server)["functions"]["default"]["current"]["graphs"][0].clone()
}

/// Waits until nothing is computed and nobody waits.
fn wait_until_idle(server: &Server) {
    let start = Instant::now();
    loop {
        let graph = graph_status(server);
        if graph["running"] == 0 && graph["waiting"] == 0 {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{graph}");
        std::thread::yield_now();
    }
}

fn text(words: usize) -> String {
    json!({"inputs": "Ada met Paris ".repeat(words)}).to_string()
}

#[test]
fn every_label_is_that_of_onnx_runtime_in_f32_and_unchanged() {
    for backend in backends() {
        for precision in ["f32", "unchanged"] {
            let server = serve(&model(), backend, &["--precision", precision]);
            assert_eq!(server.get("/info").json()["compute"], "host");
            check_golden_labels(&server, 1000);
            assert_eq!(graph_status(&server)["backend"], backend);
        }
    }
}

#[test]
fn padding_to_buckets_and_batching_change_no_label() {
    let server = serve(&model(), "tract", &["--pad-to-multiple-of", "16", "--max-batch", "4"]);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| check_golden_labels(&server, 1000));
        }
    });
}

#[test]
fn texts_of_a_request_are_computed_at_once_whatever_their_lengths() {
    let server = serve(&model(), "native", &["--max-batch-tokens", "1000"]);
    // Each about as long as the one before, and of another length.
    let texts: Vec<String> = (9..16).map(|times| "Ada met Paris ".repeat(times)).collect();
    let alone: Vec<serde_json::Value> = texts.iter().map(|text| labels(&server, text)).collect();
    let before = graph_status(&server)["batches"].as_u64().unwrap();
    let body = serde_json::json!({ "inputs": texts }).to_string();
    let together = server.post("/v1/token-classification", body);
    assert_eq!(together.json(), serde_json::Value::Array(alone));
    let after = graph_status(&server)["batches"].as_u64().unwrap();
    assert_eq!(after - before, 1, "each text was a batch");
}

fn labels(server: &Server, text: &str) -> serde_json::Value {
    let body = serde_json::json!({ "inputs": text }).to_string();
    let answer = server.post("/v1/token-classification", body);
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// Bytes of packed weights that a process has mapped, and how many of these are its own.
fn mapped_weights(server: &Server) -> [u64; 2] {
    let maps = std::fs::read_to_string(format!("/proc/{}/smaps", server.id())).unwrap();
    let (mut bytes, mut is_weights) = ([0; 2], false);
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (first, second) = (words.next().unwrap(), words.next());
        let kib = || second.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) << 10;
        match first {
            "Size:" if is_weights => bytes[0] += kib(),
            "Anonymous:" if is_weights => bytes[1] += kib(),
            _ if !first.ends_with(':') => is_weights = line.ends_with(".weights"),
            _ => {}
        }
    }
    bytes
}

#[test]
fn servers_with_one_cache_map_the_weights_that_one_of_them_packed() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let arguments = ["--precision", "int8", "--cache-dir", cache.to_str().unwrap()];
    let serve = || serve(&model(), "native", &arguments);
    let servers = std::thread::scope(|scope| {
        let other = scope.spawn(serve);
        [serve(), other.join().unwrap()]
    });
    let origin = |server: &Server| graph_status(server)["weights"].as_str().unwrap().to_owned();
    let mut origins = servers.each_ref().map(origin);
    origins.sort();
    assert_eq!(origins, ["mapped", "stored"]);
    for server in &servers {
        let [mapped, own] = mapped_weights(server);
        assert!(mapped > 1 << 20 && own == 0, "{own} bytes of {mapped} are a server's own");
    }
    let [first, second] = servers.each_ref().map(|server| labels(server, &"Ada met ".repeat(20)));
    assert_eq!(first, second);
    assert_eq!(origin(&serve()), "mapped");
}

#[test]
fn a_component_is_served_with_the_graph_beside_it_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let component = folder.path().join("pii.wasm");
    let (file, graph) = (component.to_str().unwrap(), folder.path().join("pii.onnx"));
    let arguments = ["build", &model(), "--compute", "host", "--backend", "tract", "-o", file];
    assert_eq!(outcome(&mut pilotlight(&arguments)).0, 0);
    assert!(std::fs::metadata(&component).unwrap().len() < 12_000_000);
    let server = Server::start(&[file, "--backend", "tract"]);
    let answer = server.post("/", r#"{"inputs": "Ada Lovelace"}"#);
    assert_eq!(answer.json()[0]["entity_group"], "GIVEN_NAME", "{}", answer.text);
    drop(server);
    std::fs::write(&graph, b"another").unwrap();
    let serve = || pilotlight(&["serve", file, "--backend", "tract", "--listen", "127.0.0.1:0"]);
    let (code, message) = outcome(&mut serve());
    assert_eq!(code, 1);
    assert!(message.contains("is not the graph with which"), "{message}");
    std::fs::remove_file(&graph).unwrap();
    let (code, message) = outcome(&mut serve());
    assert_eq!(code, 1);
    assert!(message.contains("no graph is loaded; load one with --graph"), "{message}");
}

#[test]
fn int8_reports_how_many_labels_agree() {
    if backends().len() < 2 {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("int8.wasm");
    let corpus = folder.path().join("corpus.txt");
    let texts = std::fs::read_to_string(root().join(CORPUS)).unwrap();
    let few: Vec<&str> = texts.lines().take(40).collect();
    std::fs::write(&corpus, few.join("\n")).unwrap();
    let mut command = pilotlight(&["build", &model(), "--compute", "host", "--json"]);
    command.args(["--quantize", "int8", "--backend", "onnxruntime"]);
    command.arg("-o").arg(&output).arg("--corpus").arg(&corpus);
    let built = command.output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&built.stdout).unwrap();
    assert_eq!(report["agreement"]["measure"], "equal");
    let share = report["agreement"]["share"].as_f64().unwrap();
    assert!((0.99..1.0).contains(&share), "{report}");
    assert_eq!(report["agreement"]["texts"], 40);
}

#[test]
fn a_server_says_that_tract_is_slow_with_int8() {
    let folder = tiny_model::folder(&tiny_model::graph());
    let (model, log) = (folder.path().to_str().unwrap(), folder.path().join("log"));
    // Nothing in so small a graph becomes int8: both precisions have the same.
    for (precision, slow) in [("f32", false), ("int8", true)] {
        let mut command = pilotlight(&["serve", model, "--backend", "tract"]);
        command.args(["--precision", precision]).stderr(File::create(&log).unwrap());
        drop(Server::run(&mut command));
        let said = std::fs::read_to_string(&log).unwrap();
        assert_eq!(said.contains("tract is slower in int8 than in f32"), slow, "{said}");
    }
}

#[test]
fn a_backend_that_is_not_there_is_named_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("libonnxruntime.so");
    let start = |arguments: &[&str]| {
        let serve = ["serve", &model(), "--listen", "127.0.0.1:0"];
        let mut command = pilotlight(&[&serve, arguments].concat());
        outcome(command.env_remove("ORT_DYLIB_PATH"))
    };
    let library = ["--backend", "onnxruntime", "--onnxruntime", missing.to_str().unwrap()];
    let (code, message) = start(&library);
    assert_eq!(code, 1);
    assert!(message.contains(missing.to_str().unwrap()), "{message}");
    let (code, message) = start(&["--backend", "tract", "--device", "gpu"]);
    assert_eq!(code, 1);
    assert!(message.contains("tract supports only the device cpu"), "{message}");
}

#[test]
fn a_full_queue_is_a_429_at_once_and_nobody_who_waits_is_lost() {
    let arguments = ["--compute-threads", "1", "--graph-queue", "2", "--max-batch", "1"];
    let server = serve(&model(), "tract", &arguments);
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let call = || server.post("/", text(60));
        let calls: Vec<_> = (0..12).map(|_| scope.spawn(call)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    let (refused, answered): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == 429);
    assert!(answered.iter().all(|answer| answer.status == 200), "{answered:?}");
    assert!(!refused.is_empty() && answered.len() >= 3, "{} answered", answered.len());
    for answer in &refused {
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.json()["error_type"], "busy");
    }
    assert_eq!(graph_status(&server)["refused"], refused.len());
}

#[test]
fn a_client_that_goes_away_costs_nothing_further() {
    let server = serve(&model(), "tract", &["--compute-threads", "1", "--max-batch", "1"]);
    let address = server.url.strip_prefix("http://").unwrap();
    let body = text(100);
    let head = format!(
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let clients: Vec<TcpStream> = (0..12)
        .map(|_| {
            let mut client = TcpStream::connect(address).unwrap();
            client.write_all(head.as_bytes()).unwrap();
            client.write_all(body.as_bytes()).unwrap();
            client
        })
        .collect();
    // One runs; those behind it have to have come that far.
    while graph_status(&server)["waiting"].as_u64() < Some(3) {
        std::thread::yield_now();
    }
    drop(clients);
    wait_until_idle(&server);
    let graph = graph_status(&server);
    assert!(graph["canceled"].as_u64().unwrap() > 0, "{graph}");
    assert_eq!(server.post("/", text(1)).status, 200);
}

#[test]
fn health_is_answered_while_every_core_computes() {
    let server = serve(&model(), "tract", &[]);
    let health = |server: &Server| {
        ureq::get(format!("{}/health", server.admin)).call().unwrap().status().as_u16()
    };
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(|| server.post("/", text(100)))).collect();
        while graph_status(&server)["running"] == 0 {
            std::thread::yield_now();
        }
        while !calls.iter().all(|call| call.is_finished()) {
            assert_eq!(health(&server), 200);
        }
    });
    assert!(Path::new("/proc/self").exists());
}
