//! Work that must not slow requests down: on threads of its own. Those that compile and pack step back for
//! all others; what takes locks that requests wait for does not.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use pilotlight_inference::scheduling::prefer_throughput;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::error::{Error, Result, TaskError};
use crate::priority::step_back;

/// Nice value (POSIX `nice`): gets a tenth of a core when all are busy.
pub(crate) const LOW: i32 = 10;

thread_local! {
    /// Whether what this thread does is done in the background.
    static IN_BACKGROUND: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` on a thread of its own, at the priority of requests, since they may wait for locks that it
/// holds; on others, of low priority, what takes seconds of it.
///
/// # Errors
/// Those of `work`, [`TaskError::Panicked`], and when a thread cannot be started.
pub async fn run<T, E>(
    work: impl FnOnce() -> std::result::Result<T, E> + Send + 'static,
) -> std::result::Result<T, E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    const TASK: &str = "loading a version";
    let (respond, outcome) = oneshot::channel();
    let runtime = Handle::current();
    let thread = thread("background").spawn(move || {
        let _entered = runtime.enter();
        prefer_throughput();
        IN_BACKGROUND.set(true);
        let done = catch_unwind(AssertUnwindSafe(work));
        let done = done.unwrap_or_else(|payload| {
            Err(Error::from(TaskError::panicked(TASK, &*payload)).into())
        });
        // Nobody may wait for it any more.
        let _ = respond.send(done);
    });
    thread.map_err(Error::io("the thread that loads a version"))?;
    outcome.await.map_err(|_| Error::from(TaskError::Stopped { task: TASK }))?
}

/// Runs `work`, which holds no lock that requests wait for, at low priority if this thread works in the
/// background.
///
/// # Errors
/// Those of `work`, and when a thread cannot be started.
pub(crate) fn low<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    if !IN_BACKGROUND.get() {
        return work();
    }
    std::thread::scope(|scope| {
        let stepping_back = || {
            step_back(LOW);
            work()
        };
        let thread = thread("pack").spawn_scoped(scope, stepping_back);
        let thread = thread.map_err(Error::io("the thread that packs a graph"))?;
        match thread.join() {
            Ok(done) => done,
            Err(payload) => resume_unwind(payload),
        }
    })
}

pub(crate) fn thread(name: &str) -> std::thread::Builder {
    std::thread::Builder::new().name(name.to_owned())
}

/// Whether this thread works in the background.
#[cfg(feature = "compiler")]
pub(crate) fn is_here() -> bool {
    IN_BACKGROUND.get()
}
