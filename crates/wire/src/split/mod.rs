//! Splits requests with a list of texts and joins their answers. Values keep their bytes, so the joined answer equals the
//! answer of the function to the whole request. The guest declares which requests can be split.
//! Used by `pilotlight-build` and the host. Does not know tasks or dialects.

mod answer;
mod counts;
mod declaration;
mod object;
mod request;

pub use answer::join;
pub use counts::{COUNTS, Count};
pub use declaration::Split;
pub use request::{List, Part};
