//! Softmax down the columns of a tile.

use crate::exp::exp;
use crate::lanes::Lanes;

/// Keys that one turn of a loop handles.
const STEP: usize = 4;

/// Replaces scores by exponentials of their distances from the largest one, and returns the sums
/// of these: what is left of a softmax is to divide.
#[inline(always)]
pub(super) fn unscaled(scores: &mut [[f32; 4]]) -> [f32; 4] {
    let most = largest(scores);
    let mut sums = [Lanes::splat(0.0); STEP];
    let step = |sum: &mut Lanes, score: &mut [f32; 4]| {
        let power = exp(Lanes::load(score).sub(most));
        power.store(score);
        *sum = sum.add(power);
    };
    let (steps, rest) = scores.as_chunks_mut::<STEP>();
    for scores in steps {
        for (sum, score) in sums.iter_mut().zip(scores) {
            step(sum, score);
        }
    }
    for score in rest {
        step(&mut sums[0], score);
    }
    let [a, b, c, d] = sums;
    a.add(b).add(c.add(d)).to_array()
}

#[inline(always)]
fn largest(scores: &[[f32; 4]]) -> Lanes {
    let mut most = [Lanes::splat(f32::MIN); STEP];
    let (steps, rest) = scores.as_chunks::<STEP>();
    for scores in steps {
        for (most, score) in most.iter_mut().zip(scores) {
            *most = most.max(Lanes::load(score));
        }
    }
    for score in rest {
        most[0] = most[0].max(Lanes::load(score));
    }
    let [a, b, c, d] = most;
    a.max(b).max(c.max(d))
}
