use tract_core::internal::*;
use tract_core::ops::logic::{self, Iff};
use tract_core::ops::math::{self, Add, Div, Max, Min, Mul, Sub};
use tract_core::ops::nn::{Reduce, Reducer};

use super::linear::product;
use super::{Lower, Wiring};

pub(super) fn lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "DynamicQuantizeLinear" => dynamic_quantize_linear,
        "MatMulInteger" => matmul_integer,
        _ => return None,
    })
}

pub(super) fn contrib_lowering(operator: &str) -> Option<Lower> {
    (operator == "MatMulIntegerToFloat").then_some(matmul_integer_to_float as Lower)
}

/// Codes of one byte, and the scale and zero point that fit all of the input.
fn dynamic_quantize_linear(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let x = w.input(0)?;
    let (dtype, rank) = (w.dtype(x)?, w.rank(x)?);
    ensure!(dtype == f32::datum_type(), "{dtype:?} is not supported");
    let (none, all) = (w.float("none", 0.0)?, w.float("all", 255.0)?);
    let axes: TVec<usize> = (0..rank).collect();
    let least = w.wire("least", Reduce::new(axes.clone(), Reducer::Min), &[x])?;
    let least = w.binary("least", Box::new(Min), [least, none])?;
    let most = w.wire("most", Reduce::new(axes, Reducer::Max), &[x])?;
    let most = w.binary("most", Box::new(Max), [most, none])?;
    let scale = scale(w, [least, most], all)?;
    let zero_point = w.binary("origin", Box::new(Div), [least, scale])?;
    let zero_point = w.unary("origin", math::neg(), zero_point)?;
    let zero_point = rounded(w, zero_point, [none, all])?;
    let codes = w.binary("scaled", Box::new(Div), [x, scale])?;
    let codes = w.unary("codes", math::round_half_to_even(), codes)?;
    let codes = w.binary("shifted", Box::new(Add), [codes, zero_point])?;
    let codes = clamped(w, codes, [none, all])?;
    let (codes, zero_point) =
        (w.cast(codes, u8::datum_type())?, w.cast(zero_point, u8::datum_type())?);
    Ok(tvec!(codes, without_axes(w, scale)?, without_axes(w, zero_point)?))
}

/// `(most - least) / 255`, or 1 where there is nothing but zeros.
fn scale(w: &mut Wiring<'_>, [least, most]: [OutletId; 2], all: OutletId) -> TractResult<OutletId> {
    let range = w.binary("range", Box::new(Sub), [most, least])?;
    let scale = w.binary("scale", Box::new(Div), [range, all])?;
    let empty = w.binary("empty", logic::comp_eq(), [most, least])?;
    let one = Tensor::from_shape(&vec![1; w.rank(scale)?], &[1f32])?;
    let one = w.scalar("one", one)?;
    w.wire("scale", Iff, &[empty, one, scale])
}

fn rounded(w: &mut Wiring<'_>, x: OutletId, range: [OutletId; 2]) -> TractResult<OutletId> {
    let x = clamped(w, x, range)?;
    w.unary("rounded", math::round_half_to_even(), x)
}

fn clamped(w: &mut Wiring<'_>, x: OutletId, [low, high]: [OutletId; 2]) -> TractResult<OutletId> {
    let x = w.binary("low", Box::new(Max), [x, low])?;
    w.binary("high", Box::new(Min), [x, high])
}

/// A value of one element as a scalar.
fn without_axes(w: &mut Wiring<'_>, mut outlet: OutletId) -> TractResult<OutletId> {
    for _ in 0..w.rank(outlet)? {
        outlet = w.wire("scalar", AxisOp::Rm(0), &[outlet])?;
    }
    Ok(outlet)
}

/// The product of codes less their zero points, computed in f32, for which there are fast kernels. Sums up
/// to 2^24 are exact; graphs turn them into f32 next, which rounds larger ones anyway.
fn matmul_integer(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let a = shifted(w, [0, 2], f32::datum_type())?;
    let b = shifted(w, [1, 3], f32::datum_type())?;
    let out = product(w, a, b, false)?;
    Ok(tvec!(w.cast(out, i32::datum_type())?))
}

/// `MatMulInteger`, scaled, and with a bias if there is one.
fn matmul_integer_to_float(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let a = shifted(w, [0, 4], i32::datum_type())?;
    let b = shifted(w, [1, 5], i32::datum_type())?;
    let mut out = product(w, a, b, false)?;
    out = w.cast(out, f32::datum_type())?;
    for scale in [2, 3] {
        let scale = w.input(scale)?;
        out = w.binary("scaled", Box::new(Mul), [out, scale])?;
    }
    if let Some(bias) = w.optional(6) {
        out = w.binary("biased", Box::new(Add), [out, bias])?;
    }
    Ok(tvec!(out))
}

/// Codes less their zero point, which is a scalar, or for `B` one for each column, in numbers of
/// type `numbers`.
fn shifted(
    w: &mut Wiring<'_>,
    [codes, zero_point]: [usize; 2],
    numbers: DatumType,
) -> TractResult<OutletId> {
    let outlet = w.input(codes)?;
    let dtype = w.dtype(outlet)?;
    ensure!(dtype.is_integer() && dtype.size_of() == 1, "{dtype:?} is not supported");
    let outlet = w.cast(outlet, numbers)?;
    let Some(zero_point) = w.optional(zero_point) else { return Ok(outlet) };
    let shape = w.fact(zero_point)?.shape.to_tvec();
    let single = shape.iter().all(TDim::is_one);
    ensure!(shape.len() <= 1 && (single || codes == 1), "zero points {shape:?} are not supported");
    let zero_point = w.cast(zero_point, numbers)?;
    w.binary("shifted", Box::new(Sub), [outlet, zero_point])
}
