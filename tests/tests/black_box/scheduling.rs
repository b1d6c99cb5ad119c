//! How the threads of a server are scheduled.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use pilotlight_testing::collector::Collector;
use pilotlight_tests::{Server, component, outcome, pilotlight, root, test_guest};
use serde_json::json;

use crate::host_compute::backends;
use crate::process::family;

const PATIENCE: Duration = Duration::from_secs(60);
/// What the names of threads that compile and pack begin with.
const STEP_BACK: [&str; 3] = ["compile-", "pack", "priority"];

/// The names and nice values of the threads of a process and of its children (proc_pid_stat(5)).
fn nice_values(process: u32) -> BTreeSet<(String, i32)> {
    let mut found = BTreeSet::new();
    for process in family(process) {
        // Both may have ended since.
        for thread in fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten()
        {
            let Ok(stat) = fs::read_to_string(thread.path().join("stat")) else { continue };
            let (name, fields) = stat.split_once('(').unwrap().1.rsplit_once(") ").unwrap();
            let nice = fields.split(' ').nth(16).unwrap().parse().unwrap();
            found.insert((name.to_owned(), nice));
        }
    }
    found
}

fn own() -> i32 {
    nice_values(std::process::id()).into_iter().map(|(_, nice)| nice).min().unwrap()
}

/// The names of threads of a lower priority than ours.
fn lower(threads: &BTreeSet<(String, i32)>) -> BTreeSet<&str> {
    let own = own();
    threads.iter().filter(|(_, nice)| *nice != own).map(|(name, _)| name.as_str()).collect()
}

/// Beside another program on every core, a thread of lower priority hardly runs, and neither does
/// a request that waits for it.
fn assert_same_priority(server: &Server, expected: &str) {
    let answer = server.post("/", json!({"inputs": "I am Sarah."}).to_string());
    assert_eq!(answer.status, 200, "{}", answer.text);
    let threads = nice_values(server.id());
    assert!(threads.iter().any(|(name, _)| name.starts_with(expected)), "{threads:?}");
    assert!(lower(&threads).is_empty(), "{threads:?}");
}

/// Swaps to another version and looks at all threads meanwhile, which it returns: of a lower priority are only
/// those that compile and pack.
fn watch_a_swap(server: &Server, source: &Path) -> BTreeSet<(String, i32)> {
    let (socket, source) = (server.socket.clone(), source.to_str().unwrap().to_owned());
    let swap = std::thread::spawn(move || {
        outcome(pilotlight(&["swap", &source]).args(["--admin", &socket]))
    });
    let mut seen = BTreeSet::new();
    while !swap.is_finished() {
        seen.extend(nice_values(server.id()));
    }
    let (code, log) = swap.join().unwrap();
    assert_eq!(code, 0, "{log}");
    let lower = lower(&seen);
    let steps_back = |name: &&str| STEP_BACK.iter().any(|known| name.starts_with(known));
    assert!(lower.iter().all(steps_back), "{lower:?}");
    // Threads that compile end, and no other has come by their priority.
    let start = Instant::now();
    while !self::lower(&nice_values(server.id())).is_empty() {
        assert!(start.elapsed() < PATIENCE, "{:?}", nice_values(server.id()));
        std::thread::yield_now();
    }
    seen
}

#[test]
fn no_request_waits_for_a_thread_of_lower_priority() {
    assert_same_priority(&Server::start(&[component().to_str().unwrap()]), "pool-worker");
    let model = root().join("models/pii-ner");
    for backend in backends() {
        let host = [model.to_str().unwrap(), "--compute", "host", "--backend", backend];
        assert_same_priority(&Server::start(&host), "compute");
        let isolated = [&host[..], &["--isolate-backend"]].concat();
        assert_same_priority(&Server::start(&isolated), "compute");
    }
}

#[test]
fn while_a_version_is_loaded_only_threads_that_compile_have_a_lower_priority() {
    let collector = Collector::taking();
    // With nothing in it, so that the version has to be compiled.
    let cache = tempfile::tempdir().unwrap();
    let mut command = pilotlight(&["serve", test_guest("p3").to_str().unwrap()]);
    command.env("PILOTLIGHT_CACHE_DIR", cache.path());
    command.args(["--otlp", &collector.endpoint, "--log-format", "json"]);
    let server = Server::run(&mut command);
    assert_eq!(server.get("/count").status, 200);
    let seen = watch_a_swap(&server, &test_guest("p2"));
    assert!(lower(&seen).iter().any(|name| name.starts_with("compile-")), "{seen:?}");
    assert!(seen.iter().any(|(name, nice)| name == "background" && *nice == own()), "{seen:?}");
    assert_eq!(server.get("/count").status, 200);
}

#[test]
fn while_a_graph_is_loaded_only_the_thread_that_packs_it_has_a_lower_priority() {
    let model = root().join("models/pii-ner");
    for backend in backends() {
        let host = [model.to_str().unwrap(), "--compute", "host", "--backend", backend];
        let server = Server::start(&host);
        watch_a_swap(&server, &model);
        assert_same_priority(&server, "compute");
    }
}
