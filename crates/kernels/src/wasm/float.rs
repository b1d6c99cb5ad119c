use super::totals::Totals;
use super::vector::{load, multiply_add, repeat};
use crate::blocks::float::{RowBlock, WeightBlock};

/// Inputs that a register holds.
const QUAD: usize = 4;
/// Columns of a block.
const WIDTH: usize = 8;

/// Adds the products of a block of `R` rows with eight columns.
#[inline(always)]
pub(crate) fn add_block<const R: usize>(
    x: &[RowBlock; R],
    weights: &WeightBlock<WIDTH>,
    totals: Totals<'_>,
) {
    let (weights, _) = weights.0.as_chunks::<QUAD>();
    add_quad::<0, R>(x, &weights[0], totals);
    add_quad::<1, R>(x, &weights[1], totals);
    add_quad::<2, R>(x, &weights[2], totals);
    add_quad::<3, R>(x, &weights[3], totals);
    add_quad::<4, R>(x, &weights[4], totals);
    add_quad::<5, R>(x, &weights[5], totals);
    add_quad::<6, R>(x, &weights[6], totals);
    add_quad::<7, R>(x, &weights[7], totals);
}

/// Four inputs of each row.
#[inline(always)]
fn add_quad<const I: usize, const R: usize>(
    x: &[RowBlock; R],
    weights: &[[f32; WIDTH]; QUAD],
    totals: Totals<'_>,
) {
    let weights = weights.each_ref().map(|columns| {
        let (columns, _) = columns.as_chunks::<4>();
        [load(&columns[0]), load(&columns[1])]
    });
    for (row, x) in x.iter().enumerate() {
        let x = load(&x.0.as_chunks::<QUAD>().0[I]);
        let each = [repeat::<0>(x), repeat::<1>(x), repeat::<2>(x), repeat::<3>(x)];
        // SAFETY: a tile has `R` rows at least, and eight columns from the first one on.
        let mut sums = unsafe { [totals.get(row, 0), totals.get(row, 4)] };
        for (x, weights) in each.into_iter().zip(weights) {
            sums[0] = multiply_add(x, weights[0], sums[0]);
            sums[1] = multiply_add(x, weights[1], sums[1]);
        }
        // SAFETY: as above.
        unsafe {
            totals.set(row, 0, sums[0]);
            totals.set(row, 4, sums[1]);
        }
    }
}
