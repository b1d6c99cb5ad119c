//! From an ONNX model to a tract graph, not yet optimized.

mod encoder;
mod lower;
mod lowering;
mod rows;
mod whole;

pub use encoder::{Graph, lower_encoder, parse};
pub use rows::rows_are_independent;
pub use whole::{Dim, Imported, Port, import};
