//! Threads that step back for those that answer requests.

/// Gives the calling thread the nice value `nice`; without the right to, it goes on as it is.
pub(crate) fn step_back(nice: i32) {
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), nice) {
        tracing::debug!(%error, "a thread runs at the priority of the requests");
    }
}
