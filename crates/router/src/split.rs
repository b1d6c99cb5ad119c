//! Which target is taken: by a random number, or by a key that always takes the same.

use sha2::{Digest as _, Sha256};

use crate::route::WeightedTarget;

/// Names the hash below. Another one would move users.
const DOMAIN: &[u8] = b"pilotlight sticky 1";
const MANTISSA: u32 = 52;

/// Weights of the targets, of which one may be moved to a share of the whole. The others keep theirs:
/// scaled by a common factor they would lose users to each other by rounding.
pub(crate) fn weights(
    targets: &[WeightedTarget],
    moved: Option<(usize, f64)>,
) -> impl Iterator<Item = f64> + Clone {
    let moved_index = moved.map(|(index, _)| index);
    let others = targets.iter().enumerate().filter(|(index, _)| Some(*index) != moved_index);
    let others: f64 = others.map(|(_, weighted)| weighted.weight).sum();
    targets.iter().enumerate().map(move |(index, weighted)| match moved {
        Some((moved, share)) if share >= 1.0 => f64::from(u8::from(index == moved)),
        Some((moved, share)) if index == moved => others * share / (1.0 - share),
        _ => weighted.weight,
    })
}

/// The target that `draw`, uniform over all of `u64`, falls on.
pub(crate) fn drawn(weights: impl Iterator<Item = f64> + Clone, draw: u64) -> Option<usize> {
    let mut left = unit(draw) * weights.clone().sum::<f64>();
    let mut last = None;
    for (index, weight) in weights.enumerate().filter(|(_, weight)| *weight > 0.0) {
        if left < weight {
            return Some(index);
        }
        left -= weight;
        last = Some(index);
    }
    // Rounding may leave a little beyond the last.
    last
}

/// The target with the highest score for `key`: weighted rendezvous hashing by the logarithmic
/// method. A target's score depends on its own weight and name only, so that a change of one target
/// moves users only to it or from it.
pub(crate) fn kept<'a>(
    weights: impl Iterator<Item = f64>,
    names: impl Iterator<Item = &'a str>,
    key: &[u8],
) -> Option<usize> {
    let mut hash = Sha256::new_with_prefix(DOMAIN);
    hash.update((key.len() as u64).to_le_bytes());
    hash.update(key);
    let scores = weights.zip(names).enumerate().filter(|(_, (weight, _))| *weight > 0.0);
    let scores = scores.map(|(index, (weight, name))| {
        let digest = hash.clone().chain_update(name).finalize();
        let first = digest.iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte));
        (index, -weight / inner(first).ln())
    });
    scores.max_by(|(_, one), (_, two)| one.total_cmp(two)).map(|(index, _)| index)
}

/// A share of all draws. What it decides is independent of [`drawn`] with the same draw.
pub(crate) fn within(share: f64, draw: u64) -> bool {
    unit(mixed(draw)) < share
}

/// From [0, 1).
fn unit(bits: u64) -> f64 {
    (bits >> (64 - MANTISSA)) as f64 / (1u64 << MANTISSA) as f64
}

/// From (0, 1), both ends left out: exact, since half a step needs one bit more.
fn inner(bits: u64) -> f64 {
    ((bits >> (64 - MANTISSA)) as f64 + 0.5) / (1u64 << MANTISSA) as f64
}

/// A permutation of `u64` (the output function of SplitMix64) in which each bit depends on all.
fn mixed(draw: u64) -> u64 {
    let mut bits = draw.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}
