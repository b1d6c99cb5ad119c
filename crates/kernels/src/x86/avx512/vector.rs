//! Registers and memory.

use std::arch::x86_64::*;

use crate::blocks::{DEPTH, STEP};
use crate::sums::Sums;

/// Four codes of a row in all lanes.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn step<T: Copy>(codes: &[T; DEPTH], step: usize) -> __m512i {
    const { assert!(size_of::<T>() == 1) };
    let codes = &codes.as_chunks::<STEP>().0[step];
    // SAFETY: four bytes.
    _mm512_set1_epi32(unsafe { std::ptr::from_ref(codes).cast::<i32>().read_unaligned() })
}

/// One number in all lanes, loaded there: from a general register it would take a port that products need.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn broadcast(value: &i32) -> __m512i {
    // SAFETY: four bytes are there.
    _mm512_castps_si512(_mm512_set1_ps(unsafe { std::ptr::from_ref(value).cast::<f32>().read() }))
}

/// Reads 64 bytes.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn load<T>(values: &T) -> __m512i {
    const { assert!(size_of::<T>() == 64) };
    // SAFETY: 64 bytes are there; the instruction needs no alignment.
    unsafe { _mm512_loadu_si512(std::ptr::from_ref(values).cast()) }
}

/// Reads 16 numbers.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn load_floats(values: &[f32; 16]) -> __m512 {
    _mm512_castsi512_ps(load(values))
}

/// Reads 16 numbers of 16 bits.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn load_totals(values: &[i16; 16]) -> __m512 {
    // SAFETY: 32 bytes are there; the instruction needs no alignment.
    let values = unsafe { _mm256_loadu_si256(values.as_ptr().cast()) };
    _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(values))
}

/// Writes 64 bytes.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn store(values: &mut [i8; 64], register: __m512i) {
    // SAFETY: 64 bytes have place; the instruction needs no alignment.
    unsafe { _mm512_storeu_si512(values.as_mut_ptr().cast(), register) }
}

/// Writes 16 numbers.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn store_floats(values: &mut [f32; 16], register: __m512) {
    // SAFETY: 16 numbers have place; the instruction needs no alignment.
    unsafe { _mm512_storeu_ps(values.as_mut_ptr(), register) }
}

/// The sums of a row from a column on.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn load_sums<const G: usize>(sums: &Sums, column: usize) -> [__m512; G] {
    let (registers, _) = sums[column..].as_chunks::<16>();
    let mut all = [_mm512_setzero_ps(); G];
    for (register, sums) in all.iter_mut().zip(registers) {
        *register = load_floats(sums);
    }
    all
}

#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn store_sums<const G: usize>(sums: &mut Sums, column: usize, all: [__m512; G]) {
    let (registers, _) = sums[column..].as_chunks_mut::<16>();
    for (register, sums) in all.into_iter().zip(registers) {
        store_floats(sums, register);
    }
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
