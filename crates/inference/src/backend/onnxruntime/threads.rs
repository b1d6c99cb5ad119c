//! ONNX Runtime's own threads.
//!
//! The caller's thread runs a graph; the library's threads take parts of its loops. They are parked
//! while several callers compute (`parking`), and have a lower priority than threads that answer
//! requests.

use std::cell::Cell;
use std::thread::{Builder, JoinHandle};

use ort::environment::ThreadManager;

use crate::scheduling::prefer_throughput;

thread_local! {
    static OF_THE_LIBRARY: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread is one of the library's own.
pub(super) fn is_one_of_the_library() -> bool {
    OF_THE_LIBRARY.get()
}

/// Starts threads that do not interrupt those that answer requests.
#[derive(Debug)]
pub(super) struct ComputeThreads;

impl ThreadManager for ComputeThreads {
    type Thread = JoinHandle<()>;

    fn create(&self, work: impl FnOnce() + Send + 'static) -> ort::Result<Self::Thread> {
        let start = move || {
            OF_THE_LIBRARY.set(true);
            prefer_throughput();
            work();
        };
        Builder::new().name("onnxruntime".to_owned()).spawn(start).map_err(ort::Error::wrap)
    }

    fn join(thread: Self::Thread) -> ort::Result<()> {
        thread.join().map_err(|_| ort::Error::new("a thread of ONNX Runtime panicked"))
    }
}
