//! How rows and weights lie in memory: everything in blocks of `DEPTH` inputs, so that a kernel's loop
//! turns once for a block and its offsets are constants.

pub(crate) mod float;
pub(crate) mod int4;
pub(crate) mod int8;

/// Inputs in a block.
pub(crate) const DEPTH: usize = 32;
/// Inputs whose products one instruction adds up.
pub(crate) const STEP: usize = 4;
/// Steps in a block.
pub(crate) const STEPS: usize = DEPTH / STEP;
/// Columns that one vector holds.
pub(crate) const QUAD: usize = 4;

/// Below this the reciprocal of a block's scale would overflow: such a block counts as zeros.
pub(crate) const SMALLEST: f32 = 1e-30;

/// A block of codes. Of weights: for each step, for each column of a quad, `STEP` inputs. Of a row:
/// for each step, its inputs four times, which is quicker to read than to make of one.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(16))]
pub(crate) struct Codes<T>(pub(crate) [[T; QUAD * STEP]; STEPS]);

/// Each step four times.
#[cfg(any(test, not(target_feature = "simd128")))]
pub(crate) fn repeated<T: Copy>(codes: &[T; DEPTH]) -> Codes<T> {
    let step = |step| std::array::from_fn(|place| codes[step * STEP + place % STEP]);
    Codes(std::array::from_fn(step))
}

/// Hands on a block of values, with zeros behind if it is short.
pub(crate) fn with_whole(x: &[f32], take: impl FnOnce(&[f32; DEPTH])) {
    if let Ok(x) = x.try_into() {
        return take(x);
    }
    let mut whole = [0.0; DEPTH];
    whole[..x.len()].copy_from_slice(x);
    take(&whole);
}
