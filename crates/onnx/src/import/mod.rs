//! Converts an ONNX model to a tract graph, not yet optimized.
//! Used by `ragged` and by other crates. Does not run graphs.

mod encoder;
mod lower;
mod lowering;
mod rows;
mod whole;

#[cfg(not(target_family = "wasm"))]
pub(crate) use encoder::lower_unfused;
pub use encoder::{Graph, lower_encoder, parse};
pub use lowering::is_lowered;
pub use rows::rows_are_independent;
pub use whole::{Dim, Imported, Port, import};
