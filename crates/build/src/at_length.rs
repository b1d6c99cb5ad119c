//! Work in the background that takes seconds of all cores.

use std::time::{Duration, Instant};

use pilotlight_sandbox::thread_time;
use tokio::runtime::Handle;

use crate::background::{self, LOW, thread};
use crate::error::Result;
use crate::priority::step_back;

/// Nice value (POSIX `nice`): the lowest priority there is among ordinary threads.
const LOWEST: i32 = 19;
/// With less of a core at the lowest priority, what takes seconds takes many minutes.
const ENOUGH: f64 = 0.1;
const WINDOW: Duration = Duration::from_millis(100);

/// Runs what takes seconds. In the background that is done at the lowest priority that gets it done,
/// and so is what it compiles.
///
/// # Errors
/// Those of `work`.
pub(crate) fn at_length<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    if background::is_here() { stepping_back(priority(), work) } else { work() }
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

/// The share of a core that the calling thread gets now, found by computing for `window`.
fn share_of_a_core(window: Duration) -> f64 {
    let (start, before) = (Instant::now(), thread_time());
    while start.elapsed() < window {
        std::hint::spin_loop();
    }
    let used = Duration::from_nanos(thread_time().saturating_sub(before));
    used.as_secs_f64() / start.elapsed().as_secs_f64()
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
            tracing::warn!(%error, "the threads of low priority for compilation could not be \
                started");
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
