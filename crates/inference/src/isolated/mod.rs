//! A backend in a child process, so that a crash of native code ends only that process.
//! `Isolated → supervisor (process, restarts, graphs) → channel (a socket and shared memory for one call) ⇄ child (the backend)`.
//! Used through the trait of backends. Does not know queues or batches of callers.

mod backoff;
mod channel;
mod child;
mod confine;
mod engine;
mod memory;
mod process;
mod protocol;
mod socket;
mod supervisor;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use child::work;
pub use engine::Engine;

use crate::backend::{Backend, Batching, LoadOptions, Model, ProcessStatus};
use crate::buffer::Buffers;
use crate::error::{Error, Result, RunError};
use crate::isolated::channel::Fault;
use crate::isolated::process::Program;
use crate::isolated::supervisor::{Graph, Supervisor};
use crate::signature::Signature;
use crate::tensor::Tensor;

/// A backend that computes in a child process.
///
/// When that ends, whatever the reason, calls that it has not answered fail with
/// [`RunError::Restarting`], and so do all others until its successor has loaded the graphs again.
/// The first successor is started at once, later ones after 100 ms, 200 ms and so on up to 10 s,
/// until one has lived for a minute.
pub struct Isolated(Arc<Supervisor>);

/// Options of an [`Isolated`] backend.
#[derive(Debug, Clone)]
pub struct IsolatedOptions {
    /// A program that calls [`work`] when it has `arguments`; this one unless said.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Maximum time for a run; a child process that takes longer is killed. Loading a graph may
    /// take ten times as long.
    pub limit: Duration,
}

impl IsolatedOptions {
    /// This program with `arguments`, and a minute.
    pub fn new(arguments: impl IntoIterator<Item = OsString>) -> Self {
        Self {
            // Not the file's name: another may have taken its place.
            program: PathBuf::from("/proc/self/exe"),
            arguments: arguments.into_iter().collect(),
            limit: Duration::from_secs(60),
        }
    }
}

impl Isolated {
    /// Starts the child, and `engine` in it. Blocks until it is ready.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with the reason, if the child cannot be started or the engine not be
    /// had.
    pub fn start(engine: Engine, options: IsolatedOptions) -> Result<Self> {
        let IsolatedOptions { program: file, arguments, limit } = options;
        Supervisor::start(engine, Program { file, arguments }, limit).map(Self)
    }
}

impl fmt::Debug for Isolated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Isolated")
            .field("backend", &self.0.name())
            .field("process", &self.0.status())
            .finish()
    }
}

impl Drop for Isolated {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Backend for Isolated {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn load(&self, name: &str, file: Vec<u8>, options: LoadOptions) -> Result<Box<dyn Model>> {
        let kept = memory::sealed(&file).map_err(|error| {
            Error::Unavailable(format!("{name} cannot be kept in memory: {error}"))
        })?;
        drop(file);
        let (id, graph) = self.0.load(name, kept, options)?;
        Ok(Box::new(Remote { supervisor: Arc::clone(&self.0), id, graph }))
    }

    fn process(&self) -> Option<ProcessStatus> {
        Some(self.0.status())
    }
}

/// A graph that the child has loaded.
struct Remote {
    supervisor: Arc<Supervisor>,
    id: u64,
    graph: Arc<Graph>,
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.supervisor.unload(self.id);
    }
}

impl Model for Remote {
    fn signature(&self) -> &Signature {
        &self.graph.found.signature
    }

    fn engine(&self) -> &'static str {
        self.graph.found.engine
    }

    fn batching(&self) -> Batching {
        match self.graph.found.batching {
            // A channel has one call at a time.
            Batching::Ragged => Batching::Stacked,
            other => other,
        }
    }

    fn mixes_rows(&self) -> Option<&str> {
        self.graph.found.mixes_rows.as_deref()
    }

    fn run(
        &self,
        inputs: &[Tensor],
        buffers: &Buffers,
    ) -> std::result::Result<Vec<Tensor>, RunError> {
        let supervisor = &self.supervisor;
        let running = supervisor.running()?;
        let graph = (self.id, &self.graph.found.signature);
        let ran = running.call(|channel| channel.run(graph, inputs, buffers, supervisor.limit));
        ran.map_err(|fault| match fault {
            Fault::Failed(reason) => RunError::Failed(reason),
            Fault::Broken(_) => supervisor.restarting(),
        })
    }
}
