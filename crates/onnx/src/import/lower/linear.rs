use tract_core::internal::*;
use tract_core::ops::einsum::EinSum;
use tract_core::ops::math::{Add, Mul, Sub};

use super::{Lower, Wiring};
use crate::nbits::BlockQuantised;
use crate::operators::{Product, Weights};
use crate::shape::resolve_axis;

pub(super) fn lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "MatMul" => matmul,
        "Gemm" => gemm,
        "DequantizeLinear" => dequantize_linear,
        _ => return None,
    })
}

pub(super) fn contrib_lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "MatMulNBits" => matmul_nbits,
        _ => return None,
    })
}

fn matmul(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let (a, b) = (w.input(0)?, w.input(1)?);
    Ok(tvec!(product(w, a, b, false)?))
}

/// `A · B`, or `A · Bᵀ`, over the last two axes, the others broadcast.
pub(super) fn product(
    w: &mut Wiring<'_>,
    a: OutletId,
    b: OutletId,
    b_transposed: bool,
) -> TractResult<OutletId> {
    let (a_rank, b_rank) = (w.rank(a)?, w.rank(b)?);
    ensure!(a_rank >= 2 && b_rank >= 2, "ranks {a_rank} and {b_rank} are not supported");
    let rank = a_rank.max(b_rank);
    ensure!(rank <= 8, "rank {rank} is not supported");
    let batch = &"abcdef"[..rank - 2];
    let a_batch = &batch[rank - a_rank..];
    let b_batch = &batch[rank - b_rank..];
    let kn = if b_transposed { "nk" } else { "kn" };
    let axes = format!("{a_batch}mk,{b_batch}{kn}->{batch}mn").parse()?;
    let dtype = w.dtype(a)?;
    let b = w.cast(b, dtype)?;
    w.wire("product", EinSum::new(axes, dtype), &[a, b])
}

fn gemm(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let (mut a, b) = (w.input(0)?, w.input(1)?);
    if w.node.int_or("transA", 0) != 0 {
        a = w.wire("transpose", AxisOp::Move(0, 1), &[a])?;
    }
    let b_transposed = w.node.int_or("transB", 0) != 0;
    let mut out = product(w, a, b, b_transposed)?;
    let alpha = w.node.float_or("alpha", 1.0);
    if alpha != 1.0 {
        let alpha = w.float("alpha", alpha)?;
        out = w.binary("scaled", Box::new(Mul), [out, alpha])?;
    }
    let Some(mut bias) = w.optional(2) else { return Ok(tvec!(out)) };
    let beta = w.node.float_or("beta", 1.0);
    if beta != 1.0 {
        let beta = w.float("beta", beta)?;
        bias = w.binary("bias", Box::new(Mul), [bias, beta])?;
    }
    Ok(tvec!(w.binary("out", Box::new(Add), [out, bias])?))
}

fn matmul_nbits(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let a = w.input(0)?;
    ensure!(w.optional(4).is_none(), "g_idx is not supported");
    let zero_points = w.optional(3).map(|_| w.constant(3)).transpose()?;
    let weights = BlockQuantised::new(w.node, w.constant(1)?, &*w.constant(2)?)?
        .with_zero_points(zero_points.as_deref())?;
    let mut out = if w.keep_blocks && w.dtype(a)? == f32::datum_type() {
        w.wire("product", Product::new(Weights::Blocks(weights)), &[a])?
    } else {
        let b = w.scalar("weights", weights.dequantise()?)?;
        product(w, a, b, true)?
    };
    if let Some(bias) = w.optional(5) {
        out = w.binary("biased", Box::new(Add), [out, bias])?;
    }
    Ok(tvec!(out))
}

/// `(x - zero_point) · scale`, the parameters scalar or along `axis`.
fn dequantize_linear(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    ensure!(w.node.int_or("block_size", 0) == 0, "blocked quantisation is not supported");
    let x = w.input(0)?;
    let (rank, axis) = (w.rank(x)?, w.node.int_or("axis", 1));
    let scale = along_axis(w, 1, rank, axis)?;
    let mut out = w.cast(x, f32::datum_type())?;
    if w.optional(2).is_some() {
        let zero_point = along_axis(w, 2, rank, axis)?;
        out = w.binary("shifted", Box::new(Sub), [out, zero_point])?;
    }
    Ok(tvec!(w.binary("out", Box::new(Mul), [out, scale])?))
}

fn along_axis(w: &mut Wiring<'_>, index: usize, rank: usize, axis: i64) -> TractResult<OutletId> {
    let parameter = w.constant(index)?.cast_to::<f32>()?.into_owned();
    let shape = if parameter.len() == 1 {
        tvec![1; rank]
    } else {
        let mut shape = tvec![1; rank];
        shape[resolve_axis(axis, rank)?] = parameter.len();
        shape
    };
    w.scalar("parameter", parameter.into_shape(&shape)?)
}
