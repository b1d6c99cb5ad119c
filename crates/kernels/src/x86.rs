//! Kernels for x86-64: AVX2 and AVX-512.
//! Used by `instruction_set`. Does not know shapes of products.

mod avx2;
mod avx512;

pub(crate) use avx2::{Avx2, AvxVnni};
pub(crate) use avx512::Avx512;
