//! ONNX files as untrusted input: read, checked, rewritten, and lowered to tract graphs.
//!
//! Only the operators of BERT-family encoders are known to the lowering; anything else is refused
//! by name. Block-quantised weights become plain f32 unless [`fuse`] finds them, because tract's
//! own import rounds their scales to f16 and its q4 kernel is slower in the sandbox.

mod element;
mod error;
mod file;
mod fuse;
mod import;
mod inspect;
mod nbits;
mod node;
mod operators;
mod precision;
pub mod proto;
pub mod rewrite;
mod shape;
mod tensor;

pub use error::OnnxError;
pub use file::{Pieces, decode, encode};
pub use fuse::fuse;
pub use import::{Dim, Graph, Imported, Port, import, parse};
pub use inspect::{contains_operator, depends_on_batch};
pub use precision::Precision;
