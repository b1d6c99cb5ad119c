//! `pilotlight.toml`: read, checked and overridden.
//!
//! [`parse`] gives a [`Config`] or every error at once, each with its line and column.
//! [`Current`] keeps the last configuration that was valid; [`Consul`] reports another text to offer
//! to it, as `pilotlight_files::TextWatcher` does for a file.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking"))]

mod bounds;
mod consul;
mod current;
mod deserialize;
mod diagnostic;
mod format;
mod key;
mod location;
mod overlay;
mod overrides;
mod parse;
mod schema;
mod schema_check;
mod source_map;
mod suggestion;
mod tree;
mod types;
mod valid_part;
mod validation;
mod value_schema;

pub use bounds::check_number;
pub use consul::{Change, Consul, ConsulError, ConsulOptions};
pub use current::Current;
pub use diagnostic::{Diagnostic, Diagnostics, RouteCheck, RouteDiagnostic};
pub use format::size;
pub use location::Location;
pub use parse::{Parsed, Sources, check, parse};
pub use pilotlight_secret::Secret;
pub use schema::schema;
pub use source_map::SourceMap;
pub use types::{
    Admin, Backend, BatchRows, Compute, Config, Cors, Device, ForwardedHeader, Function, Host,
    Http, InstructionSet, Level, Limits, LogFormat, Otlp, Pool, Precision, Require, Sessions,
    Telemetry, Tls, is_tag, registry_reference,
};
pub use validation::overlap;
