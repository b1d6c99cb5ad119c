//! x86-64, with the instructions of newer processors.

mod avx2;
mod avx512;

pub(crate) use avx2::{Avx2, AvxVnni};
pub(crate) use avx512::Avx512;
