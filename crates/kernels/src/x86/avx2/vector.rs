//! Registers and memory.

use std::arch::x86_64::*;

use crate::blocks::{DEPTH, STEP};
use crate::sums::Sums;

/// Four codes of a row in all lanes.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn step<T: Copy>(codes: &[T; DEPTH], step: usize) -> __m256i {
    const { assert!(size_of::<T>() == 1) };
    let codes = &codes.as_chunks::<STEP>().0[step];
    // SAFETY: four bytes.
    _mm256_set1_epi32(unsafe { std::ptr::from_ref(codes).cast::<i32>().read_unaligned() })
}

/// Reads 32 bytes.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn load<T>(values: &T) -> __m256i {
    const { assert!(size_of::<T>() == 32) };
    // SAFETY: 32 bytes are there; the instruction needs no alignment.
    unsafe { _mm256_loadu_si256(std::ptr::from_ref(values).cast()) }
}

/// Reads eight numbers.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn load_floats(values: &[f32; 8]) -> __m256 {
    _mm256_castsi256_ps(load(values))
}

/// Reads eight numbers of 16 bits.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn load_totals(values: &[i16; 8]) -> __m256 {
    // SAFETY: 16 bytes are there; the instruction needs no alignment.
    let values = unsafe { _mm_loadu_si128(values.as_ptr().cast()) };
    _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(values))
}

/// Writes 32 bytes.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn store<T>(values: &mut T, register: __m256i) {
    const { assert!(size_of::<T>() == 32) };
    // SAFETY: 32 bytes have place; the instruction needs no alignment.
    unsafe { _mm256_storeu_si256(std::ptr::from_mut(values).cast(), register) }
}

/// The sums of a row in the group of columns `group` after column `column`.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn sums(sums: &Sums, column: usize, group: usize) -> __m256 {
    load_floats(&sums[column..].as_chunks::<8>().0[group])
}

#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn set_sums(sums: &mut Sums, column: usize, group: usize, register: __m256) {
    let sums = &mut sums[column..].as_chunks_mut::<8>().0[group];
    // SAFETY: eight numbers have place; the instruction needs no alignment.
    unsafe { _mm256_storeu_ps(sums.as_mut_ptr(), register) }
}

/// Asks for values, to be in the second-level cache.
#[inline]
pub(super) fn prefetch<T>(values: &[T]) {
    const LINE: usize = 64;
    let start = values.as_ptr().cast::<i8>();
    for place in (0..size_of_val(values)).step_by(LINE) {
        // SAFETY: the instruction reads nothing that the program sees, and the address is one of the values.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(start.add(place)) }
    }
}
