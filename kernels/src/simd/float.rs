use core::arch::wasm32::*;

use super::vector::{load, multiply_add, splat32, store};
use crate::blocks::QUAD;
use crate::epilogue::PANEL;
use crate::float::{FloatBlock, QuadFloats, Tile};
use crate::tile::Sums;

/// Puts the sums of `rows` rows and four columns into `sums`, from `column` on.
pub(crate) fn sums(tile: &Tile<'_>, rows: usize, column: usize, sums: &mut Sums) {
    match rows {
        1 => tile_of::<1>(tile, column, sums),
        2 => tile_of::<2>(tile, column, sums),
        3 => tile_of::<3>(tile, column, sums),
        4 => tile_of::<4>(tile, column, sums),
        5 => tile_of::<5>(tile, column, sums),
        6 => tile_of::<6>(tile, column, sums),
        7 => tile_of::<7>(tile, column, sums),
        _ => tile_of::<8>(tile, column, sums),
    }
}

#[inline(always)]
fn tile_of<const R: usize>(tile: &Tile<'_>, column: usize, sums: &mut Sums) {
    let (rows, rest) = tile.rows.as_chunks::<R>();
    assert!(rest.is_empty() && rows.len() == tile.weights.len() && column + QUAD <= PANEL);
    let totals: [*mut f32; R] = core::array::from_fn(|row| (&raw mut sums.0[row][column]).cast());
    // SAFETY: four columns from `column` on lie in each row of the sums; blocks of rows and of
    // weights are as many.
    unsafe {
        for total in totals {
            store(total, f32x4_splat(0.0));
        }
        for (x, weights) in rows.iter().zip(tile.weights) {
            block(x, weights, totals);
        }
    }
}

/// Adds a block's products to the totals.
///
/// # Safety
/// Four values must be readable and writable at each total.
#[inline(always)]
unsafe fn block<const R: usize>(x: &[FloatBlock; R], weights: &QuadFloats, totals: [*mut f32; R]) {
    // SAFETY: the caller's promise; inputs are four bytes of a row, 16 of the weights.
    unsafe {
        let mut sums: [v128; R] = core::array::from_fn(|row| load(totals[row]));
        for (input, weights) in weights.0.iter().enumerate() {
            let weights = load(weights.as_ptr());
            for row in 0..R {
                let x = splat32(&raw const x[row].0[input]);
                sums[row] = multiply_add(x, weights, sums[row]);
            }
        }
        for row in 0..R {
            store(totals[row], sums[row]);
        }
    }
}
