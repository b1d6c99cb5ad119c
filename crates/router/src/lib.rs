//! Which version of which function answers a request: pure decisions, without sockets or clocks.
//!
//! [`Router::new`] checks [`Route`]s and makes a [`Router`]. [`Router::route`] takes the first route
//! that matches and picks one of its targets, at random by their weights or, if the route is sticky, by
//! the user's key. A [`Decision`] also says whether the request is mirrored to a shadow, whose
//! answer [`compare`] holds against the first, and whom to tell how it went, which is what moves a
//! canary ([`CanaryState`]). Time and random numbers are arguments.
//!
//! # Who stays where
//! Each target gets the score `-weight / ln(u)`, with `u` in (0, 1) from SHA-256 of the key and the
//! target's name as it is written, and the highest wins (weighted rendezvous hashing). So a key
//! takes the same target in every process and version, whatever the order of routes and targets; a change
//! of one target's weight moves keys only to it or from it, and no more of them than its share
//! changes. Routes that name the same targets keep a key at the same one.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking"))]

mod canary;
mod check;
mod compare;
mod error;
mod fields;
mod matching;
mod network;
mod options;
mod request;
mod route;
mod router;
mod split;
mod sticky;
mod target;
mod verdict;
mod window;

pub use canary::{CanaryState, CanaryStatus, Event, Observer, Phase, Side};
pub use compare::{Comparison, Difference, DifferenceKind, compare};
pub use error::{Key, RouteError};
pub use network::Network;
pub use options::RouterOptions;
pub use request::Request;
pub use route::{Canary, Fail, Match, Route, Shadow, Step, Sticky, WeightedTarget};
pub use router::{BadOverride, Choice, Decision, Router, VERSION_HEADER};
pub use target::{Target, VersionName};
pub use verdict::Reason;
pub use window::WindowCounts;
