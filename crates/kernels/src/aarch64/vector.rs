//! Registers and memory.

use std::arch::aarch64::*;

use crate::sums::Sums;

/// Reads 16 bytes.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn load<T>(values: &T) -> int8x16_t {
    const { assert!(size_of::<T>() == 16) };
    // SAFETY: 16 bytes are there; the instruction needs no alignment.
    unsafe { vld1q_s8(std::ptr::from_ref(values).cast()) }
}

/// Reads four registers.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn quad(values: &[[i8; 16]; 4]) -> [int8x16_t; 4] {
    [load(&values[0]), load(&values[1]), load(&values[2]), load(&values[3])]
}

/// Writes 16 bytes.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn store(values: &mut [i8; 16], register: int8x16_t) {
    // SAFETY: 16 bytes have place; the instruction needs no alignment.
    unsafe { vst1q_s8(values.as_mut_ptr(), register) }
}

/// Reads four numbers.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn load_floats(values: &[f32; 4]) -> float32x4_t {
    // SAFETY: 16 bytes are there; the instruction needs no alignment.
    unsafe { vld1q_f32(values.as_ptr()) }
}

/// Reads four numbers of 16 bits.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn load_totals(values: &[i16; 4]) -> float32x4_t {
    // SAFETY: 8 bytes are there; the instruction needs no alignment.
    vcvtq_f32_s32(vmovl_s16(unsafe { vld1_s16(values.as_ptr()) }))
}

/// The sums of a row in the four columns `group` after column `column`.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn sums(sums: &Sums, column: usize, group: usize) -> float32x4_t {
    load_floats(&sums[column..].as_chunks::<4>().0[group])
}

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn set_sums(sums: &mut Sums, column: usize, group: usize, register: float32x4_t) {
    let sums = &mut sums[column..].as_chunks_mut::<4>().0[group];
    // SAFETY: four numbers have place; the instruction needs no alignment.
    unsafe { vst1q_f32(sums.as_mut_ptr(), register) }
}
