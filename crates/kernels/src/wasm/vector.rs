use core::arch::wasm32::*;
use core::mem::MaybeUninit;

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
        // Not the sum of `extmul`s: of that LLVM 22 makes a relaxed dot product all the same, and
        // with its operands exchanged.
        let low = i32x4_dot_i16x8(i16x8_extend_low_i8x16(a), i16x8_extend_low_i8x16(b));
        let high = i32x4_dot_i16x8(i16x8_extend_high_i8x16(a), i16x8_extend_high_i8x16(b));
        i16x8_narrow_i32x4(low, high)
    }
}

/// Adds sums of four products to `c`: signed 8 bits by 0 to 127, in 32 bits.
#[inline(always)]
pub(super) fn quad_dots_add(a: v128, b: v128, c: v128) -> v128 {
    #[cfg(target_feature = "relaxed-simd")]
    return i32x4_relaxed_dot_i8x16_i7x16_add(a, b, c);
    // A pair is at most 2 · 128 · 127, which 16 bits hold.
    #[cfg(not(target_feature = "relaxed-simd"))]
    i32x4_add(i32x4_extadd_pairwise_i16x8(pair_dots(a, b)), c)
}

/// Has values computed in the order in which they are put here.
pub(super) struct Order(MaybeUninit<v128>);

impl Order {
    pub(super) fn new() -> Self {
        Self(MaybeUninit::uninit())
    }

    #[inline(always)]
    pub(super) fn put(&mut self, value: v128) {
        // SAFETY: the place is this one's own.
        unsafe { self.0.as_mut_ptr().write_volatile(value) }
    }
}

/// Values that one register holds.
pub(super) trait Register {}

impl Register for [i8; 16] {}
impl Register for [u8; 16] {}
impl Register for [i16; 8] {}
impl Register for [[i16; 2]; 4] {}
impl Register for [i32; 4] {}
impl Register for [f32; 4] {}

/// Reads a register.
#[inline(always)]
pub(super) fn load<T: Register>(from: &T) -> v128 {
    // SAFETY: 16 bytes are there; the instruction needs no alignment.
    unsafe { v128_load(std::ptr::from_ref(from).cast()) }
}

/// Writes a register.
#[inline(always)]
pub(super) fn store<T: Register>(to: &mut T, value: v128) {
    // SAFETY: 16 bytes are there; the instruction needs no alignment.
    unsafe { v128_store(std::ptr::from_mut(to).cast(), value) }
}

/// The four bytes in one lane, in all.
#[inline(always)]
pub(super) fn repeat<const LANE: usize>(x: v128) -> v128 {
    i32x4_shuffle::<LANE, LANE, LANE, LANE>(x, x)
}

/// Blocks of values, four in a register.
pub(super) fn registers(x: &[f32; 32]) -> [v128; 8] {
    let quads = x.as_chunks::<4>().0;
    std::array::from_fn(|index| load(&quads[index]))
}

/// The largest of all values without their signs; infinite or no number if one is.
#[inline(always)]
pub(super) fn largest(x: &[v128; 8]) -> f32 {
    // As integers, floats without their sign are in order, and those that are not finite last.
    let most = x.iter().fold(i32x4_splat(0), |most, &x| i32x4_max(most, f32x4_abs(x)));
    let most = i32x4_max(most, i32x4_shuffle::<2, 3, 0, 1>(most, most));
    let most = i32x4_max(most, i32x4_shuffle::<1, 0, 3, 2>(most, most));
    f32x4_extract_lane::<0>(most)
}

/// Rounds to integers, ties to even, and narrows to 8 bits: `x · factor + offset`.
#[inline(always)]
pub(super) fn codes(x: &[v128; 8], factor: v128, narrow: impl Fn(v128, v128) -> v128) -> [v128; 2] {
    // Added to a float below 2²² this leaves its integer in the low bits.
    let magic = f32x4_splat(12_582_912.0);
    let integers = x.map(|x| i32x4_sub(f32x4_add(f32x4_mul(x, factor), magic), magic));
    let pairs: [v128; 4] =
        std::array::from_fn(|i| i16x8_narrow_i32x4(integers[2 * i], integers[2 * i + 1]));
    [narrow(pairs[0], pairs[1]), narrow(pairs[2], pairs[3])]
}

/// Writes each step of a block's codes four times.
#[inline(always)]
pub(super) fn store_repeated<T>(codes: [v128; 2], out: &mut [[T; 16]; 8])
where
    [T; 16]: Register,
{
    for (codes, out) in codes.into_iter().zip(out.as_chunks_mut::<4>().0) {
        store(&mut out[0], repeat::<0>(codes));
        store(&mut out[1], repeat::<1>(codes));
        store(&mut out[2], repeat::<2>(codes));
        store(&mut out[3], repeat::<3>(codes));
    }
}
