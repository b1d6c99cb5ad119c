//! Softmax of scores that lie in blocks.

use crate::blocks::DEPTH;
use crate::blocks::float::RowBlock;
use crate::exp::exp;
use crate::lanes::Lanes;

/// Replaces the first `count` scores of a query, one block after `stride` others, by exponentials of their
/// distances from the largest one, and what follows them by zeros. Returns the sum: what is left of a
/// softmax is to divide.
pub(super) fn unscaled(blocks: &mut [RowBlock], stride: usize, count: usize) -> f32 {
    let counts = (0..count).step_by(DEPTH).map(|start| DEPTH.min(count - start));
    let mut most = Lanes::splat(f32::MIN);
    for (block, count) in blocks.iter_mut().step_by(stride).zip(counts.clone()) {
        let first = block.0[0];
        // What repeats a score changes no maximum.
        block.0[count..].fill(first);
        most = most.max(largest(block));
    }
    let [a, b, c, d] = most.to_array().map(Lanes::splat);
    let most = a.max(b).max(c.max(d));
    let mut sums = [Lanes::splat(0.0); 2];
    for (block, count) in blocks.iter_mut().step_by(stride).zip(counts) {
        powers(block, most);
        block.0[count..].fill(0.0);
        for [one, two] in block.0.as_chunks::<4>().0.as_chunks::<2>().0 {
            sums = [sums[0].add(Lanes::load(one)), sums[1].add(Lanes::load(two))];
        }
    }
    sums[0].add(sums[1]).sum()
}

#[inline(always)]
fn largest(block: &RowBlock) -> Lanes {
    let (quads, _) = block.0.as_chunks::<4>();
    quads.iter().fold(Lanes::splat(f32::MIN), |most, quad| most.max(Lanes::load(quad)))
}

#[inline(always)]
fn powers(block: &mut RowBlock, most: Lanes) {
    for quad in block.0.as_chunks_mut::<4>().0 {
        exp(Lanes::load(quad).sub(most)).store(quad);
    }
}
