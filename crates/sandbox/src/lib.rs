//! Runs WASI HTTP components, each request in a fresh instance unless told otherwise.
//!
//! [`LinkedComponent`] is a component of which instances can be made, [`Pool`] keeps instances
//! ready and gives requests to them, and [`MemorySlots`] holds the memory that they start from.
//! Nothing here knows about listeners, routes, authentication or models.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")
)]

#[cfg(not(target_os = "linux"))]
compile_error!("the sandbox needs Linux: it reads page tables through /proc");

mod body;
mod component;
mod cpu_time;
pub mod engine;
mod epoch;
mod error;
mod guest_clocks;
pub mod guest_error;
mod guest_log;
mod instance;
mod memory;
mod memory_limiter;
mod options;
mod pool;
mod store;
mod wasi_nn;

pub use body::{BodyError, InstanceBody};
pub use component::{LinkedComponent, add_wasi};
pub use cpu_time::{CpuMeter, CpuTimeExceeded, thread_time};
pub use epoch::{EpochTicker, Running};
pub use error::{Error, Result};
pub use instance::{Instance, Job, RequestSource};
pub use memory::{InitialMemory, MemoryBounds, MemoryImage, MemorySlots};
pub use options::{InstanceOptions, PoolOptions};
pub use pool::{DeadlinePassed, NoInstance, Origin, OutOfMemory, Pool, PoolStatus, Timings};
pub use store::{Allowance, State, new_store, preopen_model, serving_context};
pub use wasi_nn::Nn;
