use core::arch::wasm32::*;

use super::vector::{load, multiply_add, pair_dots, splat32, store};
use crate::blocks::{QUAD, QuadCodes, STEP, STEPS};
use crate::epilogue::PANEL;
use crate::int4::{OpenBlock, PackedBlock, RowBlock, Tile};
use crate::tile::Sums;

/// Halves of bytes to bytes.
pub(crate) fn open(packed: &PackedBlock) -> OpenBlock {
    let mut open = OpenBlock { codes: QuadCodes([[0; QUAD * STEP]; STEPS]), scales: [0; 2 * QUAD] };
    let low = u8x16_splat(15);
    for (step, codes) in packed.codes.iter().enumerate() {
        // SAFETY: steps are 16 bytes each, on both sides.
        unsafe {
            let codes = load(codes.as_ptr());
            store(open.codes.0[step].as_mut_ptr(), v128_and(codes, low));
            let high = v128_and(u16x8_shr(codes, 4), low);
            store(open.codes.0[step + STEPS / 2].as_mut_ptr(), high);
        }
    }
    // SAFETY: four scales are 8 bytes, eight are 16.
    unsafe {
        let scales = v128_load64_zero(packed.scales.as_ptr().cast());
        store(open.scales.as_mut_ptr(), i16x8_shuffle::<0, 0, 1, 1, 2, 2, 3, 3>(scales, scales));
    }
    open
}

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
        let units = load(tile.units.as_ptr());
        for total in totals {
            store(total, f32x4_mul(load(total), units));
        }
    }
}

/// Adds what a block gives to the totals. Sums of even and of odd pairs stand side by side in 16 bits:
/// 16 products of at most 127 · 15, less the zero point's part, which is where they start.
///
/// # Safety
/// Four values must be readable and writable at each total.
#[inline(always)]
unsafe fn block<const R: usize>(x: &[RowBlock; R], weights: &OpenBlock, totals: [*mut f32; R]) {
    // SAFETY: a step has four codes of a row, 16 of the weights; corrections are two of 16 bits.
    unsafe {
        let codes: [v128; STEPS] = core::array::from_fn(|step| load(weights.codes.0[step].as_ptr()));
        let scales = load(weights.scales.as_ptr());
        let mut order = core::mem::MaybeUninit::<v128>::uninit();
        for row in 0..R {
            let x = &x[row];
            let mut sum = load(x.correction.as_ptr());
            macro_rules! step {
                ($($step:literal)*) => { $(
                    sum = i16x8_add(sum, pair_dots(load(x.codes.0[$step].as_ptr()), codes[$step]));
                )* }
            }
            step!(0 1 2 3);
            order.as_mut_ptr().write_volatile(sum);
            step!(4 5 6 7);
            let sum = f32x4_convert_i32x4(i32x4_dot_i16x8(sum, scales));
            let scale = load(x.scale.as_ptr());
            store(totals[row], multiply_add(sum, scale, load(totals[row])));
        }
    }
}
