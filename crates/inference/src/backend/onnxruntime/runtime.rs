//! The library's environment, one for the process: its threads, its memory, its log.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::{Environment, GlobalThreadPoolOptions};
use ort::logging::LogLevel;
use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};

use crate::backend::onnxruntime::message::short;
use crate::backend::onnxruntime::parking::Parking;
use crate::backend::onnxruntime::{allocator, library};

use crate::backend::onnxruntime::threads::ComputeThreads;
use crate::error::{Error, Result};

/// The library, ready for sessions. Graphs share its threads and its memory.
pub(super) struct Runtime {
    pub(super) environment: Environment,
    /// The memory that tensors of callers lie in.
    pub(super) memory: MemoryInfo<'static>,
    pub(super) path: PathBuf,
    pub(super) version: String,
    pub(super) parking: Parking,
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
    if std::env::var_os("ORT_DISABLE_TELEMETRY").is_none() {
        let path = found.path.display();
        tracing::warn!(
            %path,
            "can send telemetry to its vendor (since 1.29); start the process with \
             ORT_DISABLE_TELEMETRY=1"
        );
    }
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
            // Threads spin between the loops of a lone run: waking them up would take a third of a
            // short run's time. Parked threads do not spin.
            .with_spin_control(true)?
            .with_thread_manager(ComputeThreads)?;
        let builder = builder.with_name("pilotlight").with_telemetry(false);
        let environment =
            builder.with_global_thread_pool(pool).with_logger(Arc::new(log)).build()?;
        environment.set_log_level(LogLevel::Warning);
        let (path, version) = (found.path.clone(), found.version.clone());
        let memory = cpu_memory()?;
        allocator::register(&environment, cpu_memory()?)?;
        let parking = Parking::new(&environment, threads - 1);
        Ok(Runtime { environment, memory, path, version, parking, threads })
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
            "this process already runs {path} with {threads} threads, and ONNX Runtime can be \
             started only once; use the same library and threads"
        )))
    }
}

fn cpu_memory() -> ort::Result<MemoryInfo<'static>> {
    MemoryInfo::new(AllocationDevice::CPU, 0, AllocatorType::Device, MemoryType::Default)
}

/// The library logs what it also returns, failures that a caller's input made among it.
fn log(level: LogLevel, _category: &str, _id: &str, _place: &str, message: &str) {
    if !matches!(level, LogLevel::Verbose | LogLevel::Info) {
        tracing::debug!(target: "onnxruntime", ?level, "{}", short(message));
    }
}
