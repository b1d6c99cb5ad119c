//! Requests with a list of texts, answered in parts: what a function says of them, and how a host takes a
//! request apart and puts the answers together.
//!
//! Values are copied as they were written, so that the answer is what the function would have written.

mod answer;
mod declaration;
mod object;
mod request;

pub use answer::join;
pub use declaration::Split;
pub use request::{List, Part};

/// Headers of answers that count what was done: those of the parts are added up.
pub const SUMMED_HEADERS: [&str; 2] = ["x-compute-characters", "x-compute-tokens"];
