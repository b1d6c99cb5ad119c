//! Builds and serves pre-initialised WASI inference functions.
//!
//! [`snapshot`] turns a model folder into one component that holds tokenizer and model in its
//! memory. [`Host`] runs such a component, or any that serves `wasi:http`, with a fresh instance
//! for each request; it is a [`tower::Service`]. [`Server`] puts it on a socket.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking"))]

#[cfg(not(target_os = "linux"))]
compile_error!("the host needs Linux: it reads page tables through /proc; components run anywhere");

mod access;
mod admin;
mod admission;
mod agreement;
mod artifact;
mod background;
mod beside;
mod body;
mod broken_body;
mod cache;
mod clock;
mod config;
mod crash_loop;
mod decompress;
mod deployment;
mod engine;
mod error;
mod followed;
mod function;
mod graph;
mod guest;
mod guest_clocks;
mod guest_error;
mod guest_log;
mod host;
mod image;
mod inspect;
mod instance;
mod levels;
mod limiter;
mod machine_code;
mod memory;
mod meter;
mod patterns;
mod pool;
mod priority;
mod progress;
mod protection;
mod request_id;
mod request_target;
mod routing;
mod section;
mod seen;
mod server;
mod snapshot;
mod store;
mod sweep;
mod telemetry;
mod version;
mod wasi_nn;
mod watch;

pub use access::RefusalStatus;
pub use admin::{Admin, AdminToken, SwapPlan};
pub use admission::AdmissionStatus;
pub use agreement::agreement;
pub use artifact::{ModelCompute, Source};
pub use beside::write_beside;
pub use body::{Body, BodyError};
pub use cache::{Cache, Entry};
pub use config::Options;
pub use deployment::FunctionStatus;
pub use error::{Error, Result};
pub use graph::{GRAPH_EXTENSION, GraphRecord, HostCompute, LoadedGraph, Precision};
pub use guest::{Guest, Target, Variant};
pub use host::{DEFAULT_FUNCTION, Host, Plan};
pub use inspect::{Inspection, Seal, SealSignature, inspect};
pub use patterns::check_patterns;
pub use pool::PoolStatus;
pub use progress::{Progress, Stage};
pub use routing::{ClientAddress, RuleStatus, ShadowStatus};
pub use section::{Agreement, Provenance, Sample};
pub use server::{
    BodyRefused, Cors, CorsOptions, CorsService, Limits, ReadBodies, Readiness, RequestBodies,
    RequestBody, Server, Tls,
};
pub use snapshot::{Placement, snapshot};
pub use telemetry::Telemetry;
pub use version::{FailureCounts, FailureKind, NewVersion, VersionStatus};
pub use watch::{Look, Watch};
