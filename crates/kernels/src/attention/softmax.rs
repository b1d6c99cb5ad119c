//! Softmax with powers of two, of scores that lie in blocks.

use crate::blocks::DEPTH;
use crate::blocks::float::RowBlock;
use crate::exp::exp2;
use crate::lanes::{LANES, Lanes as _, Simd};

/// Sums that are added to in turns.
const SUMS: usize = if cfg!(target_family = "wasm") { 2 } else { 1 };

/// The largest of the first `count` scores of a query, one block after `stride` others. It repeats a score behind them.
#[inline(always)]
pub(super) fn largest<S: Simd>(
    simd: S,
    blocks: &mut [RowBlock],
    stride: usize,
    count: usize,
) -> f32 {
    let mut most = simd.splat(f32::MIN);
    for (block, count) in blocks.iter_mut().step_by(stride).zip(counts(count)) {
        let first = block.0[0];
        fill(block, count, first);
        for lanes in block.0.as_chunks::<LANES>().0 {
            most = most.max(simd.load(lanes));
        }
    }
    most.largest()
}

/// Replaces the first `count` scores of a query by powers of their distances from the largest one, and what follows
/// them by zeros. Returns the sum: what is left of a softmax is to divide.
#[inline(always)]
pub(super) fn unscaled<S: Simd>(
    simd: S,
    blocks: &mut [RowBlock],
    stride: usize,
    (count, most): (usize, f32),
) -> f32 {
    let most = simd.splat(most);
    let mut sums = [simd.splat(0.0); SUMS];
    for (block, count) in blocks.iter_mut().step_by(stride).zip(counts(count)) {
        for lanes in block.0.as_chunks_mut::<LANES>().0 {
            exp2(simd.load(lanes).sub(most)).store(lanes);
        }
        fill(block, count, 0.0);
        for lanes in block.0.as_chunks::<LANES>().0.as_chunks::<SUMS>().0 {
            for (sum, lanes) in sums.iter_mut().zip(lanes) {
                *sum = sum.add(simd.load(lanes));
            }
        }
    }
    sums[1..].iter().fold(sums[0], |sum, other| sum.add(*other)).sum()
}

/// How many of each block's scores there are.
fn counts(count: usize) -> impl Iterator<Item = usize> {
    (0..count).step_by(DEPTH).map(move |start| DEPTH.min(count - start))
}

/// Sets what follows the first `count` scores, in whole vectors: they are read as such right after.
#[inline(always)]
fn fill(block: &mut RowBlock, count: usize, value: f32) {
    if cfg!(target_family = "wasm") {
        block.0[count..].fill(value);
    } else if count < DEPTH {
        for (index, score) in block.0.iter_mut().enumerate() {
            *score = if index < count { *score } else { value };
        }
    }
}
