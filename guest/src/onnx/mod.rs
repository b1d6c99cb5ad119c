//! ONNX graphs as untrusted input: parsed, checked, and lowered to a tract graph.
//!
//! Only the operators of BERT-family encoders are known (`lower`); anything else is refused
//! by name. Block-quantised weights become plain f32, because tract's own import rounds their
//! scales to f16 and its q4 kernel is slower in the sandbox.

mod attribute;
mod error;
mod graph;
mod lower;
mod nbits;
pub mod proto;
mod shape;
mod tensor;

pub use error::OnnxError;
pub use graph::{Graph, parse};
