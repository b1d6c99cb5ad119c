//! AVX2 with FMA, and the dot products of bytes of AVX-VNNI (`VNNI`). A kernel has up to `TILE` rows and two registers of
//! columns; codes of weights are in a register, those of a row are broadcast. There are 16 registers, so sums of f32 stay
//! in memory between blocks. Used by `x86`.

mod float;
mod int4;
mod int8;
mod lanes;
mod vector;

/// Proof that the processor has AVX2 and FMA, and AVX-VNNI if that is `VNNI`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx<const VNNI: bool>(());

pub(crate) type Avx2 = Avx<false>;
pub(crate) type AvxVnni = Avx<true>;

impl<const VNNI: bool> Avx<VNNI> {
    pub(crate) fn detect() -> Option<Self> {
        let found = !cfg!(miri)
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && (!VNNI || is_x86_feature_detected!("avxvnni"));
        found.then_some(Self(()))
    }
}
