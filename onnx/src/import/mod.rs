//! From an ONNX model to a tract graph, not yet optimised.

mod encoder;
mod lower;
mod lowering;
mod whole;

pub use encoder::{Graph, parse};
pub use whole::{Dim, Imported, Port, import};
