//! Four f32 lanes: a vector register in wasm, an array elsewhere.

#[cfg(not(target_family = "wasm"))]
mod array;
#[cfg(target_family = "wasm")]
#[allow(unsafe_code, reason = "loads and stores of vector registers")]
mod register;

#[cfg(not(target_family = "wasm"))]
pub(crate) use array::Lanes;
#[cfg(target_family = "wasm")]
pub(crate) use register::Lanes;

impl Lanes {
    /// The sum of the lanes.
    #[inline(always)]
    pub(crate) fn sum(self) -> f32 {
        let [a, b, c, d] = self.to_array();
        (a + c) + (b + d)
    }
}
