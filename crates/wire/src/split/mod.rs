//! Requests with a list of texts, answered in parts: what a function says of them, and how a host takes a
//! request apart and puts the answers together.
//!
//! Values are copied as they were written, so that the answer is what the function would have written.

mod answer;
mod counts;
mod declaration;
mod object;
mod request;

pub use answer::join;
pub use counts::{COUNTS, Count};
pub use declaration::Split;
pub use request::{List, Part};
