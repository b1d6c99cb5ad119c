//! The library's own threads, which compute only on cores that nobody else needs.
//!
//! A graph is run by a thread that the caller brings; the library's threads take parts of its
//! loops. With ordinary threads several callers get in one another's way: two on two cores lost
//! 10 to 20 % against sessions of one thread each, and such sessions leave a lone caller with one
//! core. Threads that never interrupt another and yield to every other give both: as fast as one
//! session of one thread per caller when all cores are busy, and as fast as one with all threads
//! when one caller is alone. A part that a thread has not begun is taken back by the caller.

use std::cell::Cell;
use std::thread::{Builder, JoinHandle};

use ort::environment::ThreadManager;

thread_local! {
    static OF_THE_LIBRARY: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread is one of the library's own.
pub(super) fn is_one_of_the_library() -> bool {
    OF_THE_LIBRARY.get()
}

/// Starts threads that step back.
#[derive(Debug)]
pub(super) struct StepBack;

impl ThreadManager for StepBack {
    type Thread = JoinHandle<()>;

    fn create(&self, work: impl FnOnce() + Send + 'static) -> ort::Result<Self::Thread> {
        let start = move || {
            OF_THE_LIBRARY.set(true);
            step_back();
            work();
        };
        Builder::new().name("onnxruntime".to_owned()).spawn(start).map_err(ort::Error::wrap)
    }

    fn join(thread: Self::Thread) -> ort::Result<()> {
        thread.join().map_err(|_| ort::Error::new("a thread of ONNX Runtime panicked"))
    }
}

/// Lets the calling thread yield to others. Without it everything works, more slowly, so that
/// refusals do not matter.
#[cfg(target_os = "linux")]
fn step_back() {
    /// A tenth of a share beside a caller's thread. Less (idle scheduling, nice 19) leaves
    /// callers waiting for parts that a thread has begun when other programs use the cores: the
    /// slowest calls took ten times as long.
    const NICE: libc::c_int = 10;
    let priority = libc::sched_param { sched_priority: 0 };
    // SAFETY: zero is the calling thread; the parameter is read only during the call. The C
    // library's own functions are not used because musl's refuse.
    unsafe {
        libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_BATCH, &raw const priority);
        libc::syscall(libc::SYS_setpriority, libc::PRIO_PROCESS, 0, NICE);
    }
}

#[cfg(not(target_os = "linux"))]
fn step_back() {}
