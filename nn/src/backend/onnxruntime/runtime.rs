//! The library's environment, one for the process: its threads, its memory, its log.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::AsPointer as _;
use ort::environment::{Environment, GlobalThreadPoolOptions};
use ort::logging::LogLevel;
use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};

use crate::backend::onnxruntime::library;
use crate::backend::onnxruntime::message::short;
use crate::backend::onnxruntime::rest::Rest;
use crate::backend::onnxruntime::threads::StepBack;
use crate::error::{Error, Result};

/// The library, ready for sessions. Graphs share its threads and its arena.
pub(super) struct Runtime {
    pub(super) environment: Environment,
    /// The memory that tensors of callers lie in.
    pub(super) memory: MemoryInfo<'static>,
    pub(super) path: PathBuf,
    pub(super) version: String,
    /// Sends the library's own threads to rest; absent where they cannot be.
    pub(super) rest: Option<Arc<Rest>>,
    threads: usize,
}

/// The library cannot be unloaded, nor started twice.
static STARTED: Mutex<Option<Arc<Runtime>>> = Mutex::new(None);

/// The process's runtime, started if it was not. Each graph is computed by up to `threads`
/// threads, that of the caller among them.
pub(super) fn start(library: Option<&Path>, threads: usize) -> Result<Arc<Runtime>> {
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = &*started {
        return runtime.fits(library, threads).map(|()| Arc::clone(runtime));
    }
    let found = library::probe(library)?;
    let refuse = |reason: String| {
        let path = found.path.display();
        Error::Unavailable(format!("{path} cannot be started: {}", short(&reason)))
    };
    let builder = ort::init_from(&found.path).map_err(|error| refuse(error.to_string()))?;
    let runtime = || -> ort::Result<Runtime> {
        let pool = GlobalThreadPoolOptions::default()
            .with_intra_threads(threads)?
            // Only sessions that run nodes beside one another would use these.
            .with_inter_threads(1)?
            // Spinning threads take what other callers could use: with two callers on two cores
            // a quarter of the throughput.
            .with_spin_control(false)?
            .with_thread_manager(StepBack)?;
        let builder = builder.with_name("pilotlight").with_telemetry(false);
        let environment =
            builder.with_global_thread_pool(pool).with_logger(Arc::new(log)).build()?;
        environment.set_log_level(LogLevel::Warning);
        share_arena(&environment)?;
        let (path, version) = (found.path.clone(), found.version.clone());
        let memory = cpu_memory(AllocatorType::Device)?;
        let rest = Rest::new(&environment, threads - 1);
        Ok(Runtime { environment, memory, path, version, rest, threads })
    };
    let runtime = Arc::new(runtime().map_err(|error| refuse(error.message().to_owned()))?);
    *started = Some(Arc::clone(&runtime));
    Ok(runtime)
}

impl Runtime {
    /// Refuses what would need another runtime than this.
    fn fits(&self, library: Option<&Path>, threads: usize) -> Result<()> {
        let other = library.map(|other| library::probe(Some(other))).transpose()?;
        let same = |other: library::Probed| {
            let real = |path: &Path| path.canonicalize().ok();
            other.path == self.path || real(&other.path) == real(&self.path)
        };
        if other.is_none_or(same) && threads == self.threads {
            return Ok(());
        }
        let (path, threads) = (self.path.display(), self.threads);
        Err(Error::Unavailable(format!(
            "this process already runs {path} with {threads} threads; it can be started only once"
        )))
    }
}

fn cpu_memory(allocator: AllocatorType) -> ort::Result<MemoryInfo<'static>> {
    MemoryInfo::new(AllocationDevice::CPU, 0, allocator, MemoryType::Default)
}

/// Gives all sessions one arena for what they compute in between: what is kept is what the
/// threads once needed at the same time, not that for each graph.
fn share_arena(environment: &Environment) -> ort::Result<()> {
    let memory = cpu_memory(AllocatorType::Arena)?;
    let environment = environment.ptr().cast_mut();
    // SAFETY: both pointers are valid during the call; without a configuration the arena has its
    // defaults.
    unsafe {
        let create = ort::api().CreateAndRegisterAllocator;
        ort::Error::result_from_status(create(environment, memory.ptr(), std::ptr::null()))
    }
}

/// The library logs what it also returns, failures that a caller's input made among it.
fn log(level: LogLevel, _category: &str, _id: &str, _place: &str, message: &str) {
    if !matches!(level, LogLevel::Verbose | LogLevel::Info) {
        tracing::debug!(target: "onnxruntime", ?level, "{}", short(message));
    }
}
