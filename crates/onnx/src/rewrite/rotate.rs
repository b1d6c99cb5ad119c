//! Hadamard's rotation, which spreads the few large channels of activations over their
//! neighbors, so that eight bits hold all of them: `A · W = (A · H) · (H · W / B)` where `H` is
//! `B` by `B` along the diagonal, ones and minus ones, its own inverse but for the factor `B`.
//! After QuaRot (<https://arxiv.org/abs/2404.00456>).

use tract_core::internal::*;

/// Larger blocks cost more time than they win accuracy.
const LARGEST_BLOCK: usize = 32;

/// Side of the largest block that `rows`, which are at least one, are a multiple of.
pub(super) fn block(rows: usize) -> usize {
    LARGEST_BLOCK.min(1 << rows.trailing_zeros().min(LARGEST_BLOCK.ilog2()))
}

/// The matrix of a block, `[block, block]`.
pub(super) fn matrix(block: usize) -> TractResult<Tensor> {
    let sign = |place: usize| {
        let shared = (place / block) & (place % block);
        if shared.count_ones().is_multiple_of(2) { 1f32 } else { -1f32 }
    };
    let values: Vec<f32> = (0..block * block).map(sign).collect();
    Tensor::from_shape(&[block, block], &values)
}

/// Multiplies weights `[K, columns]` by the inverse of the rotation, from the left.
pub(super) fn rotate_back(weights: &mut [f32], columns: usize, block: usize) {
    for rows in weights.chunks_exact_mut(block * columns) {
        let mut stride = columns;
        while stride < rows.len() {
            for pair in rows.chunks_exact_mut(2 * stride) {
                let (upper, lower) = pair.split_at_mut(stride);
                for (a, b) in upper.iter_mut().zip(lower) {
                    (*a, *b) = (*a + *b, *a - *b);
                }
            }
            stride *= 2;
        }
        rows.iter_mut().for_each(|value| *value /= block as f32);
    }
}
