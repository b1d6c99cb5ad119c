//! `--isolate-backend`: what computes may die, and the server does not.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pilotlight_testing::tiny_model;
use pilotlight_tests::{Server, outcome, pilotlight};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::host_compute::{backends, graph_status, serve};

const PATIENCE: Duration = Duration::from_secs(120);
const REQUEST: &str = r#"{"inputs": "Ada met Paris"}"#;

fn wait_until(what: &str, reached: impl Fn() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < PATIENCE, "never {what}");
        std::thread::yield_now();
    }
}

fn process(server: &Server) -> Value {
    graph_status(server)["process"].clone()
}

/// Says that it is over, even if a test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Asks until it is over; every request is answered, with a result or when to come again.
fn ask(server: &Server, over: &AtomicBool, answered: &AtomicU64, refused: &AtomicU64) {
    while !over.load(Ordering::Relaxed) {
        let answer = server.post("/", REQUEST);
        match answer.status {
            200 => {
                assert_eq!(answer.json()[1]["entity_group"], "LOC", "{}", answer.text);
                answered.fetch_add(1, Ordering::Relaxed);
            }
            503 => {
                assert_eq!(answer.header("retry-after"), "1");
                assert_eq!(answer.json()["error_type"], "unavailable", "{}", answer.text);
                refused.fetch_add(1, Ordering::Relaxed);
            }
            _ => panic!("{answer:?}"),
        }
    }
}

#[test]
fn a_killed_backend_costs_answers_for_a_moment_and_nothing_else() {
    for backend in backends() {
        let folder = tiny_model::folder(&tiny_model::graph());
        let server = serve(folder.path().to_str().unwrap(), backend, &["--isolate-backend"]);
        assert_eq!(process(&server)["restarts"], 0);
        let (over, answered, refused) =
            (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            let guard = Over(&over);
            let callers: Vec<_> =
                (0..4).map(|_| scope.spawn(|| ask(&server, &over, &answered, &refused))).collect();
            for time in 1..=2 {
                let enough = answered.load(Ordering::Relaxed) + 20;
                wait_until("answered", || answered.load(Ordering::Relaxed) >= enough);
                let id = process(&server)["id"].as_i64().unwrap();
                let id = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
                kill_process(id, Signal::KILL).unwrap();
                wait_until("started again", || process(&server)["restarts"] == time);
                let health = ureq::get(format!("{}/health", server.admin)).call().unwrap();
                assert_eq!(health.status(), 200);
                wait_until("running again", || process(&server)["state"] == "running");
            }
            let enough = answered.load(Ordering::Relaxed) + 20;
            wait_until("answered", || answered.load(Ordering::Relaxed) >= enough);
            drop(guard);
            callers.into_iter().for_each(|caller| caller.join().unwrap());
        });
        assert!(refused.into_inner() > 0, "{backend} was killed while nobody asked");
        // The graph has one product and no attention.
        let computes = if backend == "native" { "tract" } else { backend };
        assert_eq!(graph_status(&server)["backend"], computes);
        assert_eq!(server.stop(), Some(0));
    }
}

#[test]
fn a_configuration_says_what_computes_in_a_process_of_its_own() {
    let folder = tiny_model::folder(&tiny_model::graph());
    let file = folder.path().join("pilotlight.toml");
    let host = "backend = \"tract\"\nisolate = true\nisolate-timeout = \"90s\"";
    let source = folder.path().display();
    let text =
        format!("[functions.default]\nsource = \"{source}\"\n[functions.default.host]\n{host}\n");
    std::fs::write(&file, text).unwrap();
    let server = Server::start(&["--config", file.to_str().unwrap()]);
    assert_eq!(server.post("/", REQUEST).status, 200);
    assert_eq!(process(&server)["state"], "running");
}

#[test]
fn an_isolated_backend_that_is_not_there_is_named_in_one_sentence() {
    let folder = tiny_model::folder(&tiny_model::graph());
    let library = folder.path().join("libonnxruntime.so");
    let source = folder.path().to_str().unwrap();
    let mut command = pilotlight(&["serve", source, "--listen", "127.0.0.1:0"]);
    command.args(["--admin-listen", "127.0.0.1:0"]);
    command.args(["--isolate-backend", "--backend", "onnxruntime", "--onnxruntime"]).arg(&library);
    let (code, message) = outcome(&mut command);
    assert_eq!(code, 1);
    assert!(message.contains("not found") && message.contains("configuration"), "{message}");
    let (code, message) = outcome(&mut pilotlight(&["backend-worker"]));
    assert_eq!(code, 1);
    assert!(message.contains("only for the server"), "{message}");
}
