//! The time from a limit until an endless loop is stopped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::{function_request, inference_request, serve_functions};
use crate::compare::runner::Runner;
use crate::http;

const REQUESTS: usize = 60;
const CPU_TIME: Duration = Duration::from_millis(50);
const TIMEOUT: Duration = Duration::from_millis(200);
/// Threads that keep the cores busy.
const BUSY_THREADS: usize = 4;

/// The results with one limit.
pub(super) struct Interruption {
    pub(super) limit: &'static str,
    pub(super) load: &'static str,
    /// Milliseconds from the limit to the end of the response, sorted.
    pub(super) late: Vec<f64>,
}

pub(super) fn run(runner: &Runner) -> anyhow::Result<Vec<Interruption>> {
    let spec = serve_functions(&[
        ("cpu", &format!("{{ cpu-time = '{}ms' }}", CPU_TIME.as_millis())),
        ("timeout", &format!("{{ request-timeout = '{}ms' }}", TIMEOUT.as_millis())),
    ])?;
    let _server = spec.start()?;
    let port = spec.port;
    let count = if runner.is_quick() { 3 } else { REQUESTS };
    let idle = "none";
    let mut results = vec![
        Interruption {
            limit: "CPU time of 50 ms",
            load: idle,
            late: endless_loops(port, "cpu", CPU_TIME, count)?,
        },
        Interruption {
            limit: "timeout of 200 ms",
            load: idle,
            late: endless_loops(port, "timeout", TIMEOUT, count)?,
        },
    ];
    // Other load does not change the CPU time of a guest, but the time until it is used up.
    let late = under_load(port, || endless_loops(port, "timeout", TIMEOUT, count))?;
    let load = "inference from four connections";
    results.push(Interruption { limit: "timeout of 200 ms", load, late });
    Ok(results)
}

/// Runs `measure` while other threads request inference.
fn under_load<T>(port: u16, measure: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let ended = AtomicBool::new(false);
    let inference = inference_request(port)?;
    std::thread::scope(|scope| {
        for _ in 0..BUSY_THREADS {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    // Only the load matters.
                    let _ = http::send(&inference);
                }
            });
        }
        let result = measure();
        ended.store(true, Ordering::Relaxed);
        result
    })
}

fn endless_loops(
    port: u16,
    function: &str,
    limit: Duration,
    count: usize,
) -> anyhow::Result<Vec<f64>> {
    let healthy = function_request(port, function, "/count")?;
    let endless = function_request(port, function, "/spin")?;
    let mut late = Vec::new();
    for _ in 0..count {
        // Crash backoff would delay a function that only fails.
        http::send(&healthy)?;
        let start = Instant::now();
        let response = http::send(&endless)?;
        let took = start.elapsed();
        ensure!(response.status == 504, "{}: {}", response.status, response.body);
        late.push((took.as_secs_f64() - limit.as_secs_f64()) * 1e3);
    }
    late.sort_by(f64::total_cmp);
    Ok(late)
}
