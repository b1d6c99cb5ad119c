use core::arch::wasm32::*;

/// `a · b + c`, rounded once where the build has `relaxed-simd` and the host can.
#[inline(always)]
pub(super) fn multiply_add(a: v128, b: v128, c: v128) -> v128 {
    #[cfg(target_feature = "relaxed-simd")]
    return f32x4_relaxed_madd(a, b, c);
    #[cfg(not(target_feature = "relaxed-simd"))]
    f32x4_add(f32x4_mul(a, b), c)
}

/// Sums of pairs of products: signed 8 bits by 0 to 127, in 16 bits. Exact if no sum of a pair
/// passes them, whichever way the host takes a relaxed dot product's second operand.
#[inline(always)]
pub(super) fn pair_dots(a: v128, b: v128) -> v128 {
    #[cfg(target_feature = "relaxed-simd")]
    return i16x8_relaxed_dot_i8x16_i7x16(a, b);
    #[cfg(not(target_feature = "relaxed-simd"))]
    {
        let low = i16x8_extmul_low_i8x16(a, b);
        let high = i16x8_extmul_high_i8x16(a, b);
        let even = i16x8_shuffle::<0, 2, 4, 6, 8, 10, 12, 14>(low, high);
        let odd = i16x8_shuffle::<1, 3, 5, 7, 9, 11, 13, 15>(low, high);
        i16x8_add(even, odd)
    }
}

/// Adds sums of four products to `c`: signed 8 bits by 0 to 127, in 32 bits.
#[inline(always)]
pub(super) fn quad_dots_add(a: v128, b: v128, c: v128) -> v128 {
    #[cfg(target_feature = "relaxed-simd")]
    return i32x4_relaxed_dot_i8x16_i7x16_add(a, b, c);
    #[cfg(not(target_feature = "relaxed-simd"))]
    {
        // Pairs of pairs, as sums of pairs could pass 16 bits on no host: 2 · 127 · 128 is below.
        i32x4_add(i32x4_extadd_pairwise_i16x8(pair_dots(a, b)), c)
    }
}

/// The four bytes at `from`, four times.
///
/// # Safety
/// They must be readable.
#[inline(always)]
pub(super) unsafe fn splat32<T>(from: *const T) -> v128 {
    // SAFETY: the caller's promise; the instruction needs no alignment.
    unsafe { v128_load32_splat(from.cast()) }
}

/// The 16 bytes at `from`.
///
/// # Safety
/// They must be readable.
#[inline(always)]
pub(super) unsafe fn load<T>(from: *const T) -> v128 {
    // SAFETY: the caller's promise; the instruction needs no alignment.
    unsafe { v128_load(from.cast()) }
}

/// Writes 16 bytes at `to`.
///
/// # Safety
/// They must be writable.
#[inline(always)]
pub(super) unsafe fn store<T>(to: *mut T, value: v128) {
    // SAFETY: the caller's promise; the instruction needs no alignment.
    unsafe { v128_store(to.cast(), value) }
}
