//! ONNX files as untrusted input: read, checked, rewritten, and lowered to tract graphs.
//!
//! An operator that the lowering does not know is refused by name. Block-quantized weights become plain f32 unless [`fuse`] finds them, because tract's
//! own import rounds their scales to f16 and its q4 kernel is slower in the sandbox.

mod adapt;
mod element;
mod error;
mod external;
mod file;
mod fuse;
mod host_types;
mod import;
mod inspect;
mod nbits;
mod node;
mod operators;
#[cfg(not(target_family = "wasm"))]
mod plan;
mod precision;
pub mod proto;
#[cfg(not(target_family = "wasm"))]
pub mod ragged;
pub mod rewrite;
mod sessions;
mod shape;
mod signature;
mod tensor;
mod widen;

pub use adapt::{Encoder, EncoderOutput, Wanted, adapt};
pub use error::OnnxError;
pub use external::ReadFile;
pub use file::{Pieces, decode, decode_with, encode};
pub use fuse::fuse;
pub use host_types::to_host_types;
pub use import::{
    Dim, Graph, Imported, Port, import, is_lowered, lower_encoder, parse, rows_are_independent,
};
pub use inspect::{contains_operator, depends_on_batch};
#[cfg(not(target_family = "wasm"))]
pub use plan::Plan;
pub use precision::Precision;
pub use sessions::stack_sessions;
pub use signature::{signature, signature_of};
pub use widen::widen_halves;
