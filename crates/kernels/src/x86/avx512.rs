//! AVX-512 with dot products of bytes (VNNI). A kernel has up to `TILE` rows and two registers of columns; codes of weights are
//! in a register, those of a row are broadcast. `vpdpbusd` adds four products to each column's sum; its unsigned operand
//! is the 4-bit weights or the 7-bit activations. Used by `x86`.

mod float;
mod int4;
mod int8;
mod lanes;
mod vector;

/// Proof that the processor has AVX-512 F, BW, DQ, VL and VNNI, and AVX2 with FMA.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    pub(crate) fn detect() -> Option<Self> {
        let found = !cfg!(miri)
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni");
        found.then_some(Self(()))
    }
}
