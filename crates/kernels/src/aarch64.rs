//! AArch64: NEON with the dot products of bytes.
//!
//! A kernel has some rows and registers of four columns. `sdot` multiplies signed bytes: codes of 4 bits are unpacked
//! with their zero point subtracted, and those of activations have 7 bits.

mod float;
mod int4;
mod int8;
mod lanes;
mod vector;

/// Proof that the processor has NEON and `dotprod`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Neon(());

impl Neon {
    pub(crate) fn detect() -> Option<Self> {
        let found = !cfg!(miri)
            && std::arch::is_aarch64_feature_detected!("neon")
            && std::arch::is_aarch64_feature_detected!("dotprod");
        found.then_some(Self(()))
    }
}
