//! The backend ONNX Runtime, whose shared library is loaded when the backend is created:
//! `options → library → runtime (threads, memory, log) → provider (device) → session or generator → call (one run)`.
//! Used through the trait of backends. Does not know queues or callers.

mod allocator;
mod call;
mod generator;
mod library;
mod message;
mod parking;
mod provider;
mod runtime;
mod session;
mod threads;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use ort::ep::ExecutionProviderDispatch;
use pilotlight_onnx::{contains_operator, decode};

use crate::backend::onnxruntime::generator::Generator;
use crate::backend::onnxruntime::runtime::Runtime;
use crate::backend::onnxruntime::session::{Inspected, Loaded};
use crate::backend::{Backend, LoadOptions, Model, OnnxRuntimeOptions, mixes_rows};
use crate::error::{Error, Result};
use crate::package::Package;

/// Inference by ONNX Runtime.
pub struct OnnxRuntime {
    runtime: Arc<Runtime>,
    providers: Vec<ExecutionProviderDispatch>,
}

impl OnnxRuntime {
    /// Finds the library and starts it; the first to do so in a process does it for all.
    ///
    /// # Errors
    /// [`Error::Unavailable`], in one sentence, when the library is not found, is too old or
    /// something else, lacks the device, or runs already with other threads or from another file.
    pub fn new(options: OnnxRuntimeOptions) -> Result<Self> {
        let threads = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let runtime = runtime::start(options.library.as_deref(), threads)?;
        let providers = provider::choose(&options.device, &runtime)?;
        Ok(Self { runtime, providers })
    }

    /// The library's version.
    pub fn version(&self) -> &str {
        &self.runtime.version
    }
}

impl fmt::Debug for OnnxRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Runtime { path, version, .. } = &*self.runtime;
        f.debug_struct("OnnxRuntime").field("library", path).field("version", version).finish()
    }
}

impl Backend for OnnxRuntime {
    fn name(&self) -> &'static str {
        "onnxruntime"
    }

    fn load(&self, name: &str, file: Vec<u8>, _: LoadOptions) -> Result<Box<dyn Model>> {
        let refuse = |reason: String| Error::InvalidGraph { graph: name.to_owned(), reason };
        if Package::is(&file) {
            let generator = Generator::new(&self.runtime, &self.providers, &file);
            return Ok(Box::new(generator.map_err(refuse)?));
        }
        let file = Bytes::from(file);
        let found = inspect(&file).map_err(refuse)?;
        let loaded = Loaded::new(&self.runtime, &self.providers, &file, found);
        Ok(Box::new(loaded.map_err(refuse)?))
    }

    fn share_cores(&self, running: usize) {
        self.runtime.parking.share(running);
    }
}

/// Products of integers.
const INTEGERS: [&str; 4] =
    ["MatMulInteger", "MatMulIntegerToFloat", "QLinearMatMul", "DynamicQuantizeMatMul"];

/// Refuses a file that would make the library read others; finds out how it is to be run.
fn inspect(file: &Bytes) -> std::result::Result<Inspected, String> {
    let model = decode(file.clone()).map_err(|error| error.to_string())?;
    // Its attribute is the path of a compiled graph.
    if contains_operator(&model, "EPContext") {
        return Err("EPContext refers to another file, which is refused".to_owned());
    }
    let integers = INTEGERS.iter().any(|operator| contains_operator(&model, operator));
    Ok(Inspected { mixes_rows: mixes_rows(&model), integers })
}
