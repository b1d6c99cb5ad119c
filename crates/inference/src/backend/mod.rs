//! The trait of backends, and one implementation in each file of this folder.
//! Used by every module above it. Backends do not know queues, callers or compute threads.

#[cfg_attr(not(feature = "onnxruntime"), path = "absent.rs")]
mod onnxruntime;
mod tract;

use std::path::PathBuf;

pub use onnxruntime::OnnxRuntime;
pub use tract::Tract;

use pilotlight_onnx::proto::ModelProto;
use pilotlight_onnx::{Precision, rows_are_independent};
use serde::{Deserialize, Serialize};

use crate::buffer::Buffers;
use crate::device::Device;
use crate::error::{Result, RunError};
use crate::signature::Signature;
use crate::tensor::Tensor;
use crate::weight_store::WeightsOrigin;
use crate::workers::Workers;

/// An engine that loads graphs.
pub trait Backend: Send + Sync {
    /// What it is called in options and errors.
    fn name(&self) -> &'static str;

    /// Loads the ONNX file `file`, which errors call `name`. Blocks.
    ///
    /// # Errors
    /// [`crate::Error::InvalidGraph`] for what it cannot load, with the reason.
    fn load(&self, name: &str, file: Vec<u8>, options: LoadOptions) -> Result<Box<dyn Model>>;

    /// Whether it converts the weights of the graph in `file` itself, to any precision.
    fn packs(&self, file: &[u8]) -> bool {
        let _ = file;
        false
    }

    /// Told how many runs go on whenever one begins, and of zero when none is left: threads of the
    /// engine's own should leave the cores of callers to them, and spend none for nothing.
    fn share_cores(&self, running: usize) {
        let _ = running;
    }

    /// How the process is that it computes in, if that is another than this.
    fn process(&self) -> Option<ProcessStatus> {
        None
    }
}

/// Options for loading a graph. By default f32, with stored weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadOptions {
    /// Numbers that products with constant weights are computed in by a backend that
    /// [packs](Backend::packs) the graph; others compute in the numbers of the file.
    pub precision: Precision,
    /// Engine that was measured to be fastest, for a backend that delegates graphs to other
    /// engines.
    pub engine: Option<EngineKind>,
    /// Whether a backend that has a [`crate::WeightStore`] keeps the packed weights there.
    pub store_weights: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Precision::F32.into()
    }
}

impl From<Precision> for LoadOptions {
    fn from(precision: Precision) -> Self {
        Self { precision, engine: None, store_weights: true }
    }
}

/// Inference engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// Kernels of our own.
    Native,
    /// ONNX Runtime.
    OnnxRuntime,
    /// tract.
    Tract,
}

impl EngineKind {
    /// Its name in options, manifests and status.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::OnnxRuntime => "onnxruntime",
            Self::Tract => "tract",
        }
    }
}

/// Options of ONNX Runtime.
#[derive(Debug, Clone, Default)]
pub struct OnnxRuntimeOptions {
    /// The shared library, or the folder it is in. `None`: the environment variable
    /// `ORT_DYLIB_PATH`, or beside the program or in `lib` there, or where the system looks.
    pub library: Option<PathBuf>,
    /// Device for inference.
    pub device: Device,
    /// Cores that a lone run may use; 0 stands for all.
    pub threads: usize,
}

/// A process that a backend computes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProcessStatus {
    /// Whether it computes.
    pub state: ProcessState,
    /// Its number, while it computes.
    pub id: Option<u32>,
    /// Number of restarts.
    pub restarts: u64,
}

/// Whether a process computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessState {
    /// The process runs.
    Running,
    /// The process has ended and is being restarted.
    Restarting,
}

/// A graph that has been loaded, to be run from any number of threads at once.
pub trait Model: Send + Sync {
    /// Inputs and outputs.
    fn signature(&self) -> &Signature;

    /// What computes it, as options and errors call it: a backend may leave graphs to another.
    fn engine(&self) -> &'static str;

    /// How several callers can be computed together, if that may pay.
    fn batching(&self) -> Batching;

    /// Why the graph's structure does not show that its rows are independent of each other, where
    /// it does not: the node and what it does.
    fn mixes_rows(&self) -> Option<&str> {
        None
    }

    /// Where its packed weights come from, if it has packed them.
    fn weights(&self) -> Option<WeightsOrigin> {
        None
    }

    /// Runs the graph on the calling thread. `inputs` fit the signature and come in its order,
    /// and so do the outputs.
    ///
    /// # Errors
    /// What the engine said, or that the process it runs in has ended.
    fn run(
        &self,
        inputs: &[Tensor],
        buffers: &Buffers,
    ) -> std::result::Result<Vec<Tensor>, RunError>;

    /// Runs the graph for several calls, each with inputs as for [`Self::run`]: one outcome for each, in
    /// their order. Where [`Self::batching`] is [`Batching::Ragged`], the calls have any shapes, and what is
    /// wrong with one fails no other.
    fn run_together(
        &self,
        calls: &[&[Tensor]],
        buffers: &Buffers,
        workers: &dyn Workers,
    ) -> Vec<std::result::Result<Vec<Tensor>, RunError>> {
        let _ = workers;
        calls.iter().map(|inputs| self.run(inputs, buffers)).collect()
    }

    /// What each row of a call costs: its tokens without padding. Asked for where [`Self::batching`] is
    /// [`Batching::Ragged`].
    fn tokens(&self, inputs: &[Tensor]) -> Vec<u32> {
        let _ = inputs;
        Vec::new()
    }
}

/// Batching of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Batching {
    /// No batching.
    Alone,
    /// Calls of the same shapes but for the first dimension: below each other, as one call. That rows give
    /// what they give alone is tried by whoever does so.
    Stacked,
    /// Calls of any shapes, each of which gives the same bits as alone.
    Ragged,
}

/// Why the structure of `model` does not show that its rows are independent, if it does not.
fn mixes_rows(model: &ModelProto) -> Option<String> {
    rows_are_independent(model.clone()).err()
}
