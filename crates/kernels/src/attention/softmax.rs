//! Softmax of scores that lie in blocks.

use crate::blocks::DEPTH;
use crate::blocks::float::RowBlock;
use crate::exp::exp;
use crate::lanes::{LANES, Lanes, Simd};

/// Sums that are added to in turns.
const SUMS: usize = if cfg!(target_family = "wasm") { 2 } else { 1 };

/// Replaces the first `count` scores of a query, one block after `stride` others, by exponentials of their
/// distances from the largest one, and what follows them by zeros. Returns the sum: what is left of a
/// softmax is to divide.
#[inline(always)]
pub(super) fn unscaled<S: Simd>(
    simd: S,
    blocks: &mut [RowBlock],
    stride: usize,
    count: usize,
) -> f32 {
    let counts = (0..count).step_by(DEPTH).map(|start| DEPTH.min(count - start));
    let mut most = simd.splat(f32::MIN);
    for (block, count) in blocks.iter_mut().step_by(stride).zip(counts.clone()) {
        let first = block.0[0];
        // What repeats a score changes no maximum.
        block.0[count..].fill(first);
        most = most.max(largest(simd, block));
    }
    let most = across(most);
    let mut sums = [simd.splat(0.0); SUMS];
    for (block, count) in blocks.iter_mut().step_by(stride).zip(counts) {
        powers(block, most);
        block.0[count..].fill(0.0);
        for lanes in block.0.as_chunks::<LANES>().0.as_chunks::<SUMS>().0 {
            for (sum, lanes) in sums.iter_mut().zip(lanes) {
                *sum = sum.add(simd.load(lanes));
            }
        }
    }
    sums[1..].iter().fold(sums[0], |sum, other| sum.add(*other)).sum()
}

#[inline(always)]
fn largest<S: Simd>(simd: S, block: &RowBlock) -> S::Lanes {
    let (chunks, _) = block.0.as_chunks::<LANES>();
    chunks.iter().fold(
        simd.splat(f32::MIN),
        #[inline(always)]
        |most, lanes| most.max(simd.load(lanes)),
    )
}

/// The largest lane in all lanes.
#[inline(always)]
fn across<L: Lanes>(most: L) -> L {
    let mut lanes = [0.0; LANES];
    most.store(&mut lanes);
    let larger = |most: f32, lane: &f32| if most < *lane { *lane } else { most };
    most.simd().splat(lanes[1..].iter().fold(lanes[0], larger))
}

#[inline(always)]
fn powers<L: Lanes>(block: &mut RowBlock, most: L) {
    for lanes in block.0.as_chunks_mut::<LANES>().0 {
        exp(most.simd().load(lanes).sub(most)).store(lanes);
    }
}
