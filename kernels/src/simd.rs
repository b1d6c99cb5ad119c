//! The kernels in WebAssembly SIMD. All `unsafe` code of the crate is here and in `lanes`.
//!
//! A kernel is compiled for each number of rows in a tile, and its body is written out for a whole block
//! of inputs: hosts that interrupt guests put a check at every turn of a loop, and what is
//! alive there would be spilled. At the turn nothing is but addresses; sums wait in memory.

pub(crate) mod float;
pub(crate) mod gelu;
pub(crate) mod int4;
pub(crate) mod int8;
mod vector;
