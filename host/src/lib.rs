//! Builds and serves pre-initialised WASI inference functions.
//!
//! [`snapshot`] turns a model folder into one component that holds tokenizer and model in its
//! memory. [`Host`] runs such a component, or any that serves `wasi:http`, with a fresh instance
//! for each request; it is a [`tower::Service`]. [`Server`] puts it on a socket.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking"))]

#[cfg(not(target_os = "linux"))]
compile_error!("the host needs Linux: it reads page tables through /proc; components run anywhere");

mod admin;
mod admission;
mod agreement;
mod artifact;
mod authentication;
mod background;
mod body;
mod broken_body;
mod cache;
mod config;
mod crash_loop;
mod decompress;
mod deidentification;
mod deployment;
mod error;
mod graph;
mod guest;
mod host;
mod image;
mod inspect;
mod levels;
mod machine_code;
mod patterns;
mod priority;
mod progress;
mod request_id;
mod request_target;
mod routing;
mod section;
mod seen;
mod server;
mod snapshot;
mod sweep;
mod telemetry;
mod version;

pub use admin::{Admin, AdminToken, SwapPlan};
pub use admission::AdmissionStatus;
pub use agreement::agreement;
pub use artifact::{ModelCompute, Source};
pub use authentication::RefusalStatus;
pub use body::Body;
pub use cache::{Cache, Entry};
pub use config::FunctionOptions;
pub use deployment::FunctionStatus;
pub use error::{Error, Result};
pub use graph::{GRAPH_EXTENSION, GraphRecord, HostCompute, LoadedGraph, Precision};
pub use guest::{Guest, Target, Variant};
pub use host::{DEFAULT_FUNCTION, Host, Plan};
pub use inspect::{Inspection, Seal, SealSignature, inspect};
pub use patterns::check_patterns;
pub use pilotlight_files::Look;
pub use pilotlight_sandbox::{BodyError, InstanceOptions, PoolOptions, PoolStatus};
pub use progress::{Progress, Stage};
pub use routing::{ClientAddress, RouteStatus, ShadowStatus};
pub use section::{Agreement, Provenance, Sample};
pub use server::{
    BodyRefused, Cors, CorsOptions, CorsService, Limits, ReadBodies, Readiness, RequestBodies,
    RequestBody, Server, Tls,
};
pub use snapshot::{Placement, snapshot};
pub use telemetry::Telemetry;
pub use version::{FailureCounts, FailureKind, NewVersion, VersionStatus};
