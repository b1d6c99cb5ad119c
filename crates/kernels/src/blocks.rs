//! Memory layout of rows and weights: blocks of `DEPTH` inputs, so that a kernel's loop runs once for each block with
//! constant offsets. A block of weights has as many columns as a register of the instruction set holds sums.
//! Used by every module above it. Does not know instruction sets.

pub(crate) mod float;
pub(crate) mod int4;
pub(crate) mod int8;

/// Inputs in a block.
pub(crate) const DEPTH: usize = 32;
/// Inputs whose products one instruction adds up.
pub(crate) const STEP: usize = 4;
/// Steps in a block.
pub(crate) const STEPS: usize = DEPTH / STEP;
/// Columns that a vector of WebAssembly holds.
#[cfg(target_feature = "simd128")]
pub(crate) const QUAD: usize = 4;

/// Below this the reciprocal of a block's scale would overflow: such a block counts as zeros.
pub(crate) const SMALLEST: f32 = 1e-30;

/// `factor · other + summand`, rounded once if it is `FUSED`, as vectors do it, or else twice.
#[inline(always)]
pub(crate) fn multiply_add<const FUSED: bool>(factor: f32, other: f32, summand: f32) -> f32 {
    if FUSED { factor.mul_add(other, summand) } else { factor * other + summand }
}

/// Hands on a block of values, with zeros behind if it is short.
#[inline(always)]
pub(crate) fn with_whole(x: &[f32], take: impl FnOnce(&[f32; DEPTH])) {
    if let Ok(x) = x.try_into() {
        return take(x);
    }
    let mut whole = [0.0; DEPTH];
    whole[..x.len()].copy_from_slice(x);
    take(&whole);
}
