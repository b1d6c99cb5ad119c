//! Formats reports as text for a terminal.
//! Used by `cli`. Knows only reports, not how they were measured.

mod grid;
mod latency;
mod load;
mod start;
mod stream;

pub use latency::latency;
pub use load::load;
pub use start::start;
pub use stream::stream;
