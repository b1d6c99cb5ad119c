//! Work that must not slow requests down: on threads of its own that step back for all others.

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::error::{Error, Result};
use crate::priority::step_back;

/// Nice value (POSIX `nice`): the lowest priority there is among ordinary threads.
const NICE: i32 = 19;

/// Runs `work` on a thread of low priority, and what it compiles on others like it.
///
/// # Errors
/// Those of `work`, and when a thread cannot be started or breaks off.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (respond, outcome) = oneshot::channel();
    let runtime = Handle::current();
    let thread = std::thread::Builder::new().name("background".into()).spawn(move || {
        let _entered = runtime.enter();
        step_back(NICE);
        // Nobody may wait for it any more.
        let _ = respond.send(compiling_in_the_background(work));
    });
    thread.map_err(Error::io("the thread that loads a version"))?;
    outcome.await.map_err(|_| Error::Initialiser("it broke off".to_owned()))?
}

/// Wasmtime compiles on the threads of rayon's pool that it is called from.
fn compiling_in_the_background<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let runtime = Handle::current();
    let pool = rayon::ThreadPoolBuilder::new()
        .thread_name(|number| format!("compile-{number}"))
        .start_handler(|_| step_back(NICE))
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
