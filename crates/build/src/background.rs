//! Work that must not slow requests down: on threads of its own that step back for all others.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::error::{Error, Result, TaskError};
use crate::priority::{share_of_a_core, step_back};

/// Nice value (POSIX `nice`): the lowest priority there is among ordinary threads.
const LOWEST: i32 = 19;
/// Gets a tenth of a core when all are busy.
const LOW: i32 = 10;
/// With less of a core at the lowest priority, what takes seconds takes many minutes.
const ENOUGH: f64 = 0.1;
const WINDOW: Duration = Duration::from_millis(100);

thread_local! {
    /// Whether what this thread does is done in the background.
    static IN_BACKGROUND: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` on a thread of low priority, and on others what takes seconds of it.
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
        step_back(LOW);
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

/// Runs what takes seconds. In the background that is done at the lowest priority that gets it done,
/// and so is what it compiles.
///
/// # Errors
/// Those of `work`.
pub(crate) fn at_length<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    if IN_BACKGROUND.get() { stepping_back(priority(), work) } else { work() }
}

/// The lowest priority, unless requests leave it next to nothing. A thread that has stepped back may
/// not step forward again, so another one tries.
fn priority() -> i32 {
    let trial = thread("priority").spawn(|| {
        step_back(LOWEST);
        share_of_a_core(WINDOW)
    });
    let share = trial.ok().and_then(|trial| trial.join().ok());
    if share.is_some_and(|share| share < ENOUGH) { LOW } else { LOWEST }
}

fn thread(name: &str) -> std::thread::Builder {
    std::thread::Builder::new().name(name.to_owned())
}

/// Wasmtime compiles on the threads of rayon's pool that it is called from.
fn stepping_back<T: Send>(nice: i32, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let runtime = Handle::current();
    let pool = rayon::ThreadPoolBuilder::new()
        .thread_name(|number| format!("compile-{number}"))
        .start_handler(move |_| step_back(nice))
        .build();
    match pool {
        Ok(pool) => pool.install(|| {
            let _entered = runtime.enter();
            work()
        }),
        Err(error) => {
            tracing::warn!(%error, "no threads of low priority to compile on");
            work()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn full_load_does_not_starve_it() {
        let stop = AtomicBool::new(false);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..cores * 2 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            assert_eq!(priority(), LOW);
            stop.store(true, Ordering::Relaxed);
        });
    }
}
