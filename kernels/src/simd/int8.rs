use core::arch::wasm32::*;

use super::vector::{load, quad_dots_add, splat32, store};
use crate::blocks::{QUAD, QuadCodes, STEP};
use crate::epilogue::PANEL;
use crate::int8::{CodeBlock, Tile};
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
    // SAFETY: four columns from `column` on lie in each row of the sums, which hold integers until
    // they are complete; blocks of rows and of weights are as many.
    unsafe {
        for total in totals {
            store(total, i32x4_splat(0));
        }
        for (x, weights) in rows.iter().zip(tile.weights) {
            block(x, weights, totals);
        }
        let (scales, column_totals) =
            (load(tile.columns.scales.as_ptr()), load(tile.columns.totals.as_ptr()));
        for (row, total) in tile.scales.iter().zip(totals) {
            let correction = i32x4_mul(i32x4_splat(row.zero_point), column_totals);
            let exact = f32x4_convert_i32x4(i32x4_sub(load(total), correction));
            let scale = f32x4_mul(f32x4_splat(row.scale), scales);
            store(total, f32x4_mul(exact, scale));
        }
    }
}

/// Adds a block's products to the totals, which are integers of 32 bits.
///
/// # Safety
/// Four values must be readable and writable at each total.
#[inline(always)]
unsafe fn block<const R: usize>(x: &[CodeBlock; R], weights: &QuadCodes, totals: [*mut f32; R]) {
    // SAFETY: a step has four codes of a row, 16 of the weights.
    unsafe {
        let mut sums: [v128; R] = core::array::from_fn(|row| load(totals[row]));
        for (step, weights) in weights.0.iter().enumerate() {
            let weights = load(weights.as_ptr());
            for row in 0..R {
                let x = splat32(x[row].0.as_ptr().add(step * STEP));
                sums[row] = quad_dots_add(weights, x, sums[row]);
            }
        }
        for row in 0..R {
            store(totals[row], sums[row]);
        }
    }
}
