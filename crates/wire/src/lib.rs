//! HTTP rules that host and guest have to apply in the same way, on plain values.
//!
//! A host that guards a route and a function that serves it must agree on which paths are the same
//! ([`normalize_path`]), on what a compressed body holds ([`Coding`]), on which bodies are JSON
//! ([`parse_json`]), in whose words an error is told ([`Dialect`]), on how a guest tells its times ([`GuestTimings`]), and on how a host says that it
//! computes nothing now ([`TryLater`]). The configuration and the server of a host agree on [`default_limits`].

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking"))]

mod authority;
mod coding;
pub mod default_limits;
mod dialect;
mod json;
mod path;
#[cfg(feature = "split")]
pub mod split;
mod timings;
mod try_later;

pub use authority::{BadOrigin, check_origin, is_authority};
pub use coding::{Coding, UnsupportedCoding};
pub use dialect::{Dialect, Key, Refusal};
pub use json::{JsonError, Object, null_is_default, parse_json, without_bom};
pub use path::{BadPath, decode_unreserved, normalize_path, without_trailing_slash};
pub use timings::GuestTimings;
pub use try_later::{TryLater, TryLaterCause};
