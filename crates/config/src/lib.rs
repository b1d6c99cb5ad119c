//! `pilotlight.toml`: read, checked and overridden.
//!
//! [`parse`] gives a [`Config`] or every mistake at once, each with its line and column.
//! [`Current`] keeps the last configuration that was valid; [`Consul`] reports another text to offer
//! to it, as `pilotlight_files::TextWatcher` does for a file.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking"))]

mod bounds;
mod consul;
mod current;
mod deserialize;
mod format;
mod key;
mod meaning;
mod mistake;
mod overlay;
mod overrides;
mod parse;
mod place;
mod places;
mod prune;
mod schema;
mod secret;
mod shape;
mod suggestion;
mod tree;
mod types;
mod value_schema;

pub use bounds::check_number;
pub use consul::{Change, Consul, ConsulError, ConsulOptions};
pub use current::Current;
pub use format::size;
pub use meaning::overlap;
pub use mistake::{Mistake, Mistakes, RuleCheck, RuleMistake};
pub use parse::{Parsed, Sources, check, parse};
pub use place::Place;
pub use places::Places;
pub use schema::schema;
pub use secret::Secret;
pub use types::{
    Admin, Backend, BatchRows, Compute, Config, Cors, Device, ForwardedHeader, Function, Host,
    Http, Level, Limits, LogFormat, Otlp, Pool, Precision, Require, Telemetry, Tls,
};
