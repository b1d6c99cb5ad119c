//! Builds components from models and compiles them, through a cache.
//!
//! [`snapshot()`] turns a model folder into one component that holds tokenizer and model in its
//! memory. [`Source::prepare`] compiles such a component, or any other, for the sandbox's engine,
//! or maps what an earlier run has compiled. [`inspect()`] tells what a component is made of.
//! Nothing here serves requests.
//!
//! Without the feature `compiler` it maps what another process has compiled, and builds nothing.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking"))]

#[cfg(feature = "compiler")]
mod accuracy;
mod agreement;
mod artifact;
#[cfg(feature = "compiler")]
mod at_length;
pub mod background;
mod cache;
mod compile;
mod compiled;
mod component_file;
mod error;
mod graph;
#[cfg(feature = "compiler")]
mod graph_file;
#[cfg(feature = "compiler")]
mod guest;
#[cfg(feature = "compiler")]
mod host_compute;
mod inspect;
mod machine_code;
mod manifest;
#[cfg(feature = "compiler")]
mod memory_image;
#[cfg(feature = "compiler")]
mod model;
#[cfg(feature = "compiler")]
mod patterns;
mod precision;
mod priority;
mod progress;
#[cfg(feature = "compiler")]
mod resolve;
mod sample;
#[cfg(feature = "compiler")]
mod signature;
#[cfg(feature = "compiler")]
mod snapshot;

#[cfg(feature = "compiler")]
pub use accuracy::{agreement, latency};
pub use agreement::{AccuracyCheck, Agreement, Measure};
#[cfg(feature = "compiler")]
pub use artifact::ModelCompute;
pub use artifact::{Artifact, Source};
pub use cache::{Cache, Entry, Incoming};
pub use error::{Error, Result, TaskError};
pub use graph::{GRAPH_EXTENSION, GraphRecord};
#[cfg(feature = "compiler")]
pub use graph_file::adapt;
#[cfg(feature = "compiler")]
pub use guest::{Guest, Target, Variant};
#[cfg(feature = "compiler")]
pub use host_compute::{HostCompute, LoadedGraph};
pub use inspect::{Inspection, Seal, SealSignature, inspect};
pub use machine_code::give_memory_back;
pub use manifest::{BundleManifest, Endpoint, Session};
#[cfg(feature = "compiler")]
pub use patterns::{check_patterns, check_translation};
pub use precision::Precision;
pub use progress::{Progress, Stage};
pub use sample::{Sample, SampleAnswer, Vector};
#[cfg(feature = "compiler")]
pub use signature::signature;
#[cfg(feature = "compiler")]
pub use snapshot::{Placement, snapshot};
