//! tract operators on `pilotlight-kernels`, and smaller replacements of tract's own operators.
//! Used by `fuse`, `import` and `ragged`. Do not know ONNX.

mod attend;
mod convolve;
mod linear;
mod normalize;
mod pool;
mod product;
mod recur;
mod window;

pub(crate) use attend::Attend;
pub(crate) use convolve::Convolve;
pub(crate) use linear::{Linear, Packing};
pub(crate) use normalize::Normalize;
pub(crate) use pilotlight_kernels::Heads;
pub(crate) use pool::{Pool, Pooled};
pub(crate) use product::{Product, Weights};
pub(crate) use recur::{Activation, Cell, Constants, Kind, Recur};
pub(crate) use window::{Padding, Span, Window};

use tract_core::internal::*;

/// The elements of an f32 value.
fn floats(value: &TValue) -> TractResult<&[f32]> {
    value.try_as_plain_ram()?.as_slice::<f32>()
}
