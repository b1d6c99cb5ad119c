use tract_core::internal::*;
use tract_core::ops::einsum::EinSum;
use tract_core::ops::math::{Add, Mul};

use super::{Lower, Wiring};
use crate::nbits::BlockQuantized;
use crate::operators::{Product, Weights};

pub(super) fn lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "MatMul" => matmul,
        "Gemm" => gemm,
        _ => return None,
    })
}

pub(super) fn contrib_lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "MatMulNBits" => matmul_nbits,
        "FusedMatMul" => fused_matmul,
        _ => return None,
    })
}

fn matmul(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let (mut a, mut b) = (w.input(0)?, w.input(1)?);
    // A row, or a column, whose axis the result does not have.
    let (row, column) = (w.rank(a)? == 1, w.rank(b)? == 1);
    if row {
        a = w.wire("row", AxisOp::Add(0), &[a])?;
    }
    if column {
        b = w.wire("column", AxisOp::Add(1), &[b])?;
    }
    let mut out = product(w, a, b, false)?;
    let last = w.rank(out)? - 1;
    if column {
        out = w.wire("without", AxisOp::Rm(last), &[out])?;
    }
    if row {
        out = w.wire("without", AxisOp::Rm(last - 1), &[out])?;
    }
    Ok(tvec!(out))
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
    contracted(w, &format!("{a_batch}mk,{b_batch}{kn}->{batch}mn"), [a, b])
}

/// The product of two values by the letters of their axes, each of which one value has once.
pub(super) fn contracted(
    w: &mut Wiring<'_>,
    formula: &str,
    [a, b]: [OutletId; 2],
) -> TractResult<OutletId> {
    let (terms, output) = formula.split_once("->").context("no output")?;
    let (one, other) = terms.split_once(',').context("not two inputs")?;
    let (a_dims, b_dims) = (w.fact(a)?.shape.to_tvec(), w.fact(b)?.shape.to_tvec());
    ensure!(one.len() == a_dims.len() && other.len() == b_dims.len(), "{a_dims:?} by {b_dims:?}");
    for (letter, size) in one.chars().zip(&a_dims) {
        let Some(place) = other.find(letter) else { continue };
        let (broadcasts, other) = (output.contains(letter), &b_dims[place]);
        // Only sizes that are not known may turn out to be the same.
        let known = size.to_i64().is_ok() && other.to_i64().is_ok();
        let fits = size == other || !known || broadcasts && (size.is_one() || other.is_one());
        ensure!(fits, "{a_dims:?} and {b_dims:?} do not fit");
    }
    let dtype = w.dtype(a)?;
    let b = w.cast(b, dtype)?;
    w.wire("product", EinSum::new(formula.parse()?, dtype), &[a, b])
}

fn gemm(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let (mut a, b) = (w.input(0)?, w.input(1)?);
    ensure!(w.rank(a)? == 2 && w.rank(b)? == 2, "only matrices are supported");
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

/// `alpha · A · B`, each of the two transposed before if so told. With `transBatch` the axes of batches stand
/// behind the first of the others.
fn fused_matmul(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let mut operands = [w.input(0)?, w.input(1)?];
    for (operand, name) in operands.iter_mut().zip(["transBatchA", "transBatchB"]) {
        let rank = w.rank(*operand)?;
        if w.node.int_or(name, 0) != 0 && rank > 2 {
            *operand = w.wire("batches", AxisOp::Move(0, rank - 2), &[*operand])?;
        }
    }
    if w.node.int_or("transA", 0) != 0 {
        let last = w.rank(operands[0])?.checked_sub(1).filter(|last| *last > 0);
        let last = last.context("a transposed row")?;
        operands[0] = w.wire("transpose", AxisOp::Move(last - 1, last), &[operands[0]])?;
    }
    let out = product(w, operands[0], operands[1], w.node.int_or("transB", 0) != 0)?;
    let alpha = w.node.float_or("alpha", 1.0);
    if alpha == 1.0 {
        return Ok(tvec!(out));
    }
    let alpha = w.float("alpha", alpha)?;
    Ok(tvec!(w.binary("scaled", Box::new(Mul), [out, alpha])?))
}

fn matmul_nbits(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let a = w.input(0)?;
    ensure!(w.optional(4).is_none(), "g_idx is not supported");
    let zero_points = w.optional(3).map(|_| w.constant(3)).transpose()?;
    let weights = BlockQuantized::new(w.node, w.constant(1)?, &*w.constant(2)?)?
        .with_zero_points(zero_points.as_deref())?;
    let mut out = if w.keep_blocks && w.dtype(a)? == f32::datum_type() {
        w.wire("product", Product::new(Weights::Blocks(weights)), &[a])?
    } else {
        let b = w.scalar("weights", weights.dequantize()?)?;
        product(w, a, b, true)?
    };
    if let Some(bias) = w.optional(5) {
        out = w.binary("biased", Box::new(Add), [out, bias])?;
    }
    Ok(tvec!(out))
}
