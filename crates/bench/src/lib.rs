//! Measures HTTP servers without coordinated omission.
//!
//! [`measure`] sends requests at a fixed rate (open loop) or from a fixed number of workers
//! (closed loop) to one or more targets in alternating rounds, and reports latency, errors and
//! throughput. [`sweep()`] repeats it over a list of loads; [`starts`] measures the time from `exec`
//! of a command to its first response. Each returns a report that serializes to JSON; [`plot`] and
//! [`table`] convert it to an SVG plot or to text.

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
mod format;
mod histogram;
mod load;
mod machine;
mod measure;
mod memory;
mod open_loop;
mod pacer;
mod progress;
mod request;
mod round;
mod scenario;
mod server_timing;
mod session;
mod start;
mod stream;
mod sweep;
mod tally;
mod target;

pub use arrivals::{Arrivals, Schedule};
pub use corpus::read_corpus;
pub use duration::parse_duration;
pub use error::{Error, Result};
pub use load::{Load, Protocol, Verb};
pub use measure::measure;
pub use progress::{Progress, Step};
pub use report::Report;
pub use request::{RequestTemplate, parse_header};
pub use scenario::Scenario;
pub use start::{FollowUpRequest, StartCommand, Starts, read_spec, starts};
pub use stream::{Protocol as StreamProtocol, Streams, streams};
pub use sweep::{Sweep, sweep};
pub use target::{Target, Url};
