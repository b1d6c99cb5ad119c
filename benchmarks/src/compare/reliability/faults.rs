//! The effect of a failing function on other requests.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use ureq::http::Request;

use super::{function_request, inference_request, serve_functions};
use crate::compare::runner::Runner;
use crate::http::{self, Response};

const FAULT_INTERVAL: Duration = Duration::from_millis(50);
const REQUEST_INTERVAL: Duration = Duration::from_millis(5);

/// A fault that the test guest can be requested to cause, and the expected response.
struct FaultKind {
    name: &'static str,
    path: &'static str,
    status: u16,
    /// Whether the response is complete.
    complete: bool,
}

const FAULTS: [FaultKind; 8] = [
    FaultKind { name: "panic", path: "/panic", status: 500, complete: true },
    FaultKind { name: "stack overflow", path: "/overflow", status: 500, complete: true },
    FaultKind { name: "out of memory", path: "/allocate", status: 500, complete: true },
    FaultKind { name: "endless loop", path: "/spin", status: 504, complete: true },
    FaultKind { name: "incomplete response", path: "/half", status: 200, complete: false },
    FaultKind { name: "stalled response", path: "/hang", status: 200, complete: false },
    FaultKind {
        name: "stall after the response",
        path: "/hang-after",
        status: 200,
        complete: true,
    },
    FaultKind { name: "log flood", path: "/flood", status: 200, complete: true },
];

/// Requests that no fault may affect.
#[derive(Default)]
pub(super) struct Unaffected {
    /// Latencies in milliseconds, sorted.
    pub(super) latencies: Vec<f64>,
    /// Reasons of lost requests and of wrong responses.
    pub(super) lost: Vec<String>,
}

/// The results with one kind of fault.
pub(super) struct Fault {
    pub(super) name: &'static str,
    pub(super) requests: usize,
    /// Requests that were answered as expected.
    pub(super) expected: usize,
    pub(super) same_function: Unaffected,
    pub(super) model: Unaffected,
}

pub(super) struct Faults {
    /// Requests to the same function and to the model without faults.
    pub(super) without: [Unaffected; 2],
    pub(super) kinds: Vec<Fault>,
}

pub(super) fn run(runner: &Runner) -> anyhow::Result<Faults> {
    let limits = "{ request-timeout = '1s', memory = '64MiB' }";
    let spec = serve_functions(&[("faults", limits)])?;
    let _server = spec.start()?;
    let port = spec.port;
    let (count, inference) =
        (function_request(port, "faults", "/count")?, inference_request(port)?);
    let labels = http::send(&inference)?.body;
    ensure!(labels.starts_with(['{', '[']), "the model does not respond with JSON: {labels}");
    let time = Duration::from_secs(if runner.is_quick() { 1 } else { 8 });
    let unaffected = [(&count, "1"), (&inference, &*labels)];
    let (_, without) = during(time, unaffected, || (0, 0));
    let mut kinds = Vec::new();
    for FaultKind { name, path, status, complete } in FAULTS {
        let request = function_request(port, "faults", path)?;
        let is_expected =
            |response: Response| response.status == status && response.complete == complete;
        let ((requests, expected), [same_function, model]) = during(time, unaffected, || {
            let (mut requests, mut expected, start) = (0, 0, Instant::now());
            while start.elapsed() < time {
                expected += usize::from(http::send(&request).is_ok_and(is_expected));
                requests += 1;
                std::thread::sleep(FAULT_INTERVAL);
            }
            (requests, expected)
        });
        kinds.push(Fault { name, requests, expected, same_function, model });
    }
    Ok(Faults { without, kinds })
}

/// Sends `requests` repeatedly, each from its own thread, while `cause_faults` runs, and compares
/// the responses with the expected ones.
fn during(
    time: Duration,
    requests: [(&Request<String>, &str); 2],
    cause_faults: impl FnOnce() -> (usize, usize),
) -> ((usize, usize), [Unaffected; 2]) {
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let threads = requests.map(|(request, expected)| {
            let ended = &ended;
            scope.spawn(move || send_until(ended, request, expected))
        });
        let start = Instant::now();
        let faults = cause_faults();
        std::thread::sleep(time.saturating_sub(start.elapsed()));
        ended.store(true, Ordering::Relaxed);
        let panicked = |_| Unaffected { lost: vec!["panic".to_owned()], ..Unaffected::default() };
        (faults, threads.map(|thread| thread.join().unwrap_or_else(panicked)))
    })
}

fn send_until(ended: &AtomicBool, request: &Request<String>, expected: &str) -> Unaffected {
    let mut results = Unaffected::default();
    while !ended.load(Ordering::Relaxed) {
        let start = Instant::now();
        let response = http::send(request);
        results.latencies.push(start.elapsed().as_secs_f64() * 1e3);
        match response {
            Ok(response) if response.status == 200 && response.body == expected => {}
            Ok(response) => results.lost.push(format!("{}: {}", response.status, response.body)),
            Err(error) => results.lost.push(format!("{error:#}")),
        }
        std::thread::sleep(REQUEST_INTERVAL);
    }
    results.latencies.sort_by(f64::total_cmp);
    results
}
