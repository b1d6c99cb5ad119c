//! tract operators that compute whole patterns with `pilotlight-kernels`.

mod attend;
mod linear;
mod normalise;
mod product;

pub(crate) use attend::Attend;
pub(crate) use linear::Linear;
pub(crate) use normalise::Normalise;
pub(crate) use pilotlight_kernels::Heads;
pub(crate) use product::{Product, Weights};

use tract_core::internal::*;

/// The elements of an f32 value.
fn floats(value: &TValue) -> TractResult<&[f32]> {
    value.try_as_plain_ram()?.as_slice::<f32>()
}
