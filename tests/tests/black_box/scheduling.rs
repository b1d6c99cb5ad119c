//! How the threads of a server are scheduled.

use std::collections::BTreeMap;
use std::fs;

use pilotlight_tests::{Server, component, root};
use serde_json::json;

use crate::host_compute::backends;
use crate::process::family;

/// The nice value of each thread of a process and of its children, by name (proc_pid_stat(5)).
fn nice_values(process: u32) -> BTreeMap<String, i32> {
    let mut found = BTreeMap::new();
    for process in family(process) {
        for thread in fs::read_dir(format!("/proc/{process}/task")).unwrap() {
            // It may have ended since.
            let Ok(stat) = fs::read_to_string(thread.unwrap().path().join("stat")) else {
                continue;
            };
            let (name, fields) = stat.split_once('(').unwrap().1.rsplit_once(") ").unwrap();
            let nice = fields.split(' ').nth(16).unwrap().parse().unwrap();
            found.insert(name.to_owned(), nice);
        }
    }
    found
}

/// Beside another program on every core, a thread of lower priority hardly runs, and neither does
/// a request that waits for it.
fn assert_same_priority(server: &Server, expected: &str) {
    let answer = server.post("/", json!({"inputs": "I am Sarah."}).to_string());
    assert_eq!(answer.status, 200, "{}", answer.text);
    let own = nice_values(std::process::id()).into_values().min().unwrap();
    let threads = nice_values(server.id());
    assert!(threads.keys().any(|name| name.starts_with(expected)), "{threads:?}");
    assert!(threads.values().all(|nice| *nice == own), "{threads:?}");
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
