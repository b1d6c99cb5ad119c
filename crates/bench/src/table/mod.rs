//! Reports as text for a terminal.

mod grid;
mod latency;
mod load;
mod start;
mod stream;

pub use latency::latency;
pub use load::load;
pub use start::start;
pub use stream::stream;
