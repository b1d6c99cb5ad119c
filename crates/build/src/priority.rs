//! Threads that step back for those that answer requests.

use std::time::{Duration, Instant};

use pilotlight_sandbox::thread_time;

/// Gives the calling thread the nice value `nice`; without the right to, it goes on as it is.
pub(crate) fn step_back(nice: i32) {
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), nice) {
        tracing::debug!(%error, "a thread runs at the priority of the requests");
    }
}

/// The share of a core that the calling thread gets now, found by computing for `window`.
pub(crate) fn share_of_a_core(window: Duration) -> f64 {
    let (start, before) = (Instant::now(), thread_time());
    while start.elapsed() < window {
        std::hint::spin_loop();
    }
    let used = Duration::from_nanos(thread_time().saturating_sub(before));
    used.as_secs_f64() / start.elapsed().as_secs_f64()
}
