//! Computes graphs natively for many callers: asynchronously, in batches, each graph loaded once.
//!
//! Knows nothing of HTTP, of WebAssembly or of what the tensors mean.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking"))]

mod backend;
mod batch;
mod buffer;
mod counters;
mod device;
mod error;
mod executor;
mod graphs;
#[allow(unsafe_code, reason = "parts of a batch borrow from the thread that leads")]
mod helpers;
mod independence;
#[cfg(target_os = "linux")]
pub mod isolated;
mod native;
mod package;
mod packed_weights;
mod queue;
mod rows;
pub mod scheduling;
mod signature;
mod tensor;
mod weight_store;
mod workers;

pub use backend::{
    Backend, Batching, EngineKind, LoadOptions, Model, OnnxRuntime, OnnxRuntimeOptions,
    ProcessState, ProcessStatus, Tract,
};
pub use buffer::{Buffer, BufferMut, BufferStatus, Buffers};
pub use counters::{Bucket, GraphStatus};
pub use device::Device;
pub use error::{Error, Result, RunError};
pub use graphs::{Graph, Graphs, Packed};
pub use native::{Native, NativeOptions};
pub use package::Package;
pub use packed_weights::PackedWeights;
pub use pilotlight_kernels::InstructionSet;
pub use pilotlight_onnx::Precision;
pub use queue::{BatchRows, Closed, GraphOptions};
pub use signature::{Dimension, MOST_INPUTS, Port, Signature};
pub use tensor::{Element, MOST_DIMENSIONS, Shape, Tensor};
pub use weight_store::{StoredFile, WeightStore, WeightsOrigin};
pub use workers::{Alone, Workers};
