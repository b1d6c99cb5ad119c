//! Products with constant weights, and what follows them in a layer, on the vectors of the processor.
//!
//! [`linear`] computes `then(x · weightsᵀ + bias)` for f32 `x` and weights in one of three forms:
//! 4 bits in blocks with a scale each ([`Int4Weights`]), 8 bits in blocks with a scale each
//! ([`Int8Weights`]), or f32 ([`F32Weights`]). Weights are packed once, into the order in which
//! the kernel of an [`InstructionSet`] reads them.
//!
//! | target | instruction sets |
//! | --- | --- |
//! | x86-64 | AVX-512 with VNNI, AVX2 with AVX-VNNI, AVX2; chosen at run time |
//! | AArch64 | NEON with `i8mm`, with `dotprod`, without both; chosen at run time |
//! | WebAssembly | SIMD with `simd128`, with relaxed dot products and fused multiply-add with `relaxed-simd`; chosen by the build |
//! | any | scalar code, the reference of the others |
//!
//! **Integers are the same everywhere**: activations are quantized to the same codes
//! and their products summed exactly, whatever the host makes of a relaxed instruction, because
//! the second operand of every dot product stays in `0..=127` and no sum of pairs saturates.
//! **Native instruction sets give the same bits**, as they fuse the same multiplications and additions in the same order;
//! scalar code does, too, on processors that can. What WebAssembly may do differently is the rounding of f32 sums: one
//! rounding for each block of 32 inputs (4 and 8 bits), for each product (f32), each
//! within 2⁻²⁴ of the sum's largest term.
//!
//! **Rows are independent**: the result of a row has the same bits alone and among others. So threads can compute some rows each with
//! [`linear`], or some columns each with [`linear_columns`].
//!
//! Non-finite values never trap: a row of `x` that holds one gives non-finite sums, for every
//! output whose weights do not ignore it, so that a check of the result sees it.

#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod aarch64;
mod attention;
#[cfg_attr(
    all(target_feature = "simd128", not(test)),
    allow(dead_code, reason = "the reference of tests")
)]
mod blocks;
#[allow(unsafe_code, reason = "a mutable reference to some columns")]
mod columns;
mod epilogue;
mod error;
mod exp;
mod float;
mod form;
mod gelu;
mod grid;
mod instruction_set;
mod int4;
mod int8;
mod lanes;
mod layer_norm;
mod linear;
#[allow(unsafe_code, reason = "memory as blocks of numbers")]
mod memory;
#[cfg(not(target_family = "wasm"))]
mod quantize;
#[cfg(not(target_family = "wasm"))]
mod rows;
#[cfg(not(target_feature = "simd128"))]
mod scalar;
mod sums;
mod tile;
#[cfg(target_family = "wasm")]
#[allow(unsafe_code, reason = "vector instructions")]
mod wasm;
mod weights;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod x86;

pub use attention::{Attention, AttentionScratch, Heads, Rows};
pub use columns::ColumnsMut;
pub use epilogue::{Epilogue, Then};
pub use error::Error;
pub use float::F32Weights;
pub use gelu::{gelu, gelu_in_place};
pub use instruction_set::InstructionSet;
pub use int4::{Int4Weights, Nibbles};
pub use int8::Int8Weights;
pub use layer_norm::LayerNorm;
pub use linear::{COLUMN_STEP, Scratch, linear, linear_columns};
pub use weights::{Weights, WeightsForm, WeightsLayout};
