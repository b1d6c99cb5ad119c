//! Measures HTTP servers without coordinated omission.
//!
//! [`measure`] sends requests at a fixed rate (open loop) or from a fixed number of workers
//! (closed loop) to one or more targets in turn and reports latency, errors and throughput.
//! [`sweep()`] repeats it over a list of loads; [`starts`] measures how long a command takes from
//! `exec` to its first answer. Each returns a report that serialises to JSON; [`plot`] and
//! [`table`] turn it into a picture or text.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking"))]

pub mod cli;
pub mod plot;
pub mod report;
pub mod table;

mod arrivals;
mod bootstrap;
mod client;
mod closed_loop;
mod corpus;
mod duration;
mod error;
mod failure;
mod file;
mod histogram;
mod machine;
mod measure;
mod memory;
mod open_loop;
mod pacer;
mod progress;
mod protocol;
mod request;
mod round;
mod scenario;
mod server_timing;
mod session;
mod start;
mod sweep;
mod tally;
mod target;
mod units;

pub use arrivals::{Arrivals, Schedule};
pub use corpus::read_corpus;
pub use duration::parse_duration;
pub use error::{Error, Result};
pub use measure::measure;
pub use progress::{Progress, Step};
pub use protocol::Protocol;
pub use report::Report;
pub use request::{RequestTemplate, parse_header};
pub use scenario::{Load, Scenario, Verb};
pub use start::{StartCommand, Starts, Then, read_spec, starts};
pub use sweep::{Sweep, sweep};
pub use target::{Target, Url};
