//! What functions of f32 are written in: lanes of a vector, whichever registers hold them.

/// Lanes of a vector: what one register holds in WebAssembly; elsewhere the same for all instruction
/// sets, so that they sum up in the same order.
pub(crate) const LANES: usize = if cfg!(target_family = "wasm") { 4 } else { 16 };

/// A value of it is proof that the processor has an instruction set.
pub(crate) trait Simd: Copy {
    type Lanes: Lanes<Simd = Self>;

    /// Calls `f`, compiled for the instruction set as far as it is inlined.
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R;

    /// One value in all lanes.
    fn splat(self, value: f32) -> Self::Lanes;

    fn load(self, values: &[f32; LANES]) -> Self::Lanes;
}

/// `LANES` numbers.
pub(crate) trait Lanes: Copy {
    type Simd: Simd<Lanes = Self>;

    fn simd(self) -> Self::Simd;

    fn store(self, values: &mut [f32; LANES]);

    fn add(self, other: Self) -> Self;

    fn sub(self, other: Self) -> Self;

    fn mul(self, other: Self) -> Self;

    fn div(self, other: Self) -> Self;

    /// `self · factor + summand`: rounded once, in WebAssembly maybe twice.
    fn mul_add(self, factor: Self, summand: Self) -> Self;

    /// The larger of each two; not a number where `self` isn't.
    fn max(self, other: Self) -> Self;

    /// The smaller of each two; not a number where `self` isn't.
    fn min(self, other: Self) -> Self;

    /// Rounded to the nearest integer, halves to the even one.
    #[cfg(not(target_family = "wasm"))]
    fn round(self) -> Self;

    /// The number whose exponent is the low 8 bits of each lane, with a mantissa of 1: for the lane
    /// `1.5 · 2²³ + 127 + n`, that is 2ⁿ.
    fn low_bits_as_exponent(self) -> Self;

    /// The largest lane, if all are numbers.
    fn largest(self) -> f32;

    /// The sum of the lanes: halves are added to each other until one lane is left.
    fn sum(self) -> f32;
}

/// What the quantization of rows needs besides.
#[cfg(not(target_family = "wasm"))]
pub(crate) trait Codes: Lanes {
    /// The largest lane of both without its sign; not a number if a lane isn't.
    fn magnitude(self, other: Self) -> f32;

    /// The smallest and the largest lane of both, if all are numbers.
    fn extremes(self, other: Self) -> [f32; 2];

    /// The sums of integers, below 2¹⁵, in the even and in the odd pairs of lanes of both.
    fn pair_sums(self, other: Self) -> [i16; 2];

    /// Integers in -128..=127 as such.
    fn store_codes(self, codes: &mut [i8; LANES]);
}
