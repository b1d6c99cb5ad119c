//! The built binary and component, as a user meets them: over sockets and the command line.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod administration;
mod answers;
mod authentication;
mod bad_folders;
mod bad_requests;
mod building;
mod bundles;
mod caching;
mod configuration;
mod consul;
mod cors;
mod deidentification;
mod dialects;
mod exported_graphs;
mod exposure;
mod fail_closed;
mod host_compute;
mod http_acceptance;
mod http_paths;
mod hub;
mod isolated_backend;
mod isolation;
mod kubernetes;
mod lab;
mod labels;
mod life_cycle;
mod model_folders;
mod oci_sources;
mod other_hosts;
mod process;
mod real_models;
mod redaction_streams;
mod registries;
mod scheduling;
mod sessions;
mod slow_clients;
mod splitting;
mod supervision;
mod swapping;
mod telemetry;
mod tensor_types;
mod tiny_models;
mod tls;
mod wasi_nn;
