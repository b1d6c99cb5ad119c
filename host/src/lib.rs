//! Builds and serves pre-initialized WASI inference functions.
//!
//! [`snapshot`] turns a model folder into one component that holds tokenizer and model in its
//! memory. [`Host`] runs such a component, or any that serves `wasi:http`, with a fresh instance
//! for each request; it is a [`tower::Service`]. [`Server`] puts it on a socket.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking"))]

#[cfg(not(target_os = "linux"))]
compile_error!("the host needs Linux: it reads page tables through /proc; components run anywhere");

mod admin;
mod authentication;
mod deidentification;
mod deploy;
mod error;
mod host;
mod http;
mod request;
mod routing;
mod scrape;
mod telemetry;

pub use admin::{Admin, AdminToken, SwapPlan};
pub use authentication::RefusalStatus;
pub use deploy::{
    AdmissionStatus, FailureCounts, FailureKind, FunctionOptions, FunctionStatus, NewVersion,
    SessionStatus, VersionStatus,
};
pub use error::{Error, Result};
pub use host::{Host, HostService, Plan};
pub use http::{
    BodyRefused, Cors, CorsOptions, CorsService, ReadBodies, Readiness, RequestBodies, RequestBody,
    Server, ServerLimits, Tls,
};
pub use pilotlight_build::{
    AccuracyCheck, Agreement, BundleManifest, Cache, Endpoint, Entry, Error as BuildError,
    GRAPH_EXTENSION, GraphRecord, Inspection, Measure, Precision, Progress, Sample, Seal,
    SealSignature, Source, Stage, TaskError, inspect,
};
#[cfg(feature = "compiler")]
pub use pilotlight_build::{
    Guest, HostCompute, LoadedGraph, ModelCompute, Placement, Target, Variant, adapt, agreement,
    check_patterns, latency, signature, snapshot,
};
pub use pilotlight_files::FileCheck;
pub use pilotlight_model::Choices;
pub use pilotlight_sandbox::{BodyError, InstanceOptions, PoolOptions, PoolStatus};
pub use request::{Body, ClientAddress, SessionLimits};
pub use routing::{DEFAULT_FUNCTION, RouteStatus, ShadowStatus};
pub use telemetry::Telemetry;
