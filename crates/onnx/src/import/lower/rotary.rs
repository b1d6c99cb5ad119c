//! `RotaryEmbedding`, of ONNX and of ONNX Runtime.

use tract_core::internal::*;
use tract_core::ops::array::{Gather, Slice, TypedConcat};
use tract_core::ops::math::{Add, Mul, Sub};

use super::array::reshape_to;
use super::range::sizes;
use super::{Lower, Wiring};

pub(super) fn lowering(operator: &str) -> Option<Lower> {
    (operator == "RotaryEmbedding").then_some(of_onnx as Lower)
}

pub(super) fn contrib_lowering(operator: &str) -> Option<Lower> {
    (operator == "RotaryEmbedding").then_some(of_onnx_runtime as Lower)
}

/// Without positions the tables have a row for each token.
fn of_onnx(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let mut tables = [w.input(1)?, w.input(2)?];
    if let Some(positions) = w.optional(3) {
        tables = looked_up(w, tables, positions)?;
    }
    rotated(w, tables)
}

/// A single position is that of the first token.
fn of_onnx_runtime(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    ensure!(w.node.int_or("is_packed_batching", 0) == 0, "packed batches are not supported");
    ensure!(w.node.float_or("scale", 1.0) == 1.0, "a scale is not supported");
    let (x, mut positions) = (w.input(0)?, w.input(1)?);
    if w.rank(positions)? == 1 {
        let shape = w.fact(x)?.shape.to_tvec();
        let tokens = shape.get(shape.len().saturating_sub(2)).context("a vector")?.clone();
        let places = sizes(w, [0.to_dim(), tokens, 1.to_dim()])?;
        positions = w.binary("positions", Box::new(Add), [positions, places])?;
        positions = w.wire("positions", AxisOp::Add(0), &[positions])?;
    }
    let tables = [w.input(2)?, w.input(3)?];
    let tables = looked_up(w, tables, positions)?;
    rotated(w, tables)
}

/// Rows of the tables, `[B, S, width / 2]`.
fn looked_up(
    w: &mut Wiring<'_>,
    tables: [OutletId; 2],
    positions: OutletId,
) -> TractResult<[OutletId; 2]> {
    let positions = w.cast(positions, i64::datum_type())?;
    let [cosines, sines] = tables;
    let cosines = w.wire("cosines", Gather::new(0), &[cosines, positions])?;
    Ok([cosines, w.wire("sines", Gather::new(0), &[sines, positions])?])
}

/// Input 0, `[B, S, heads · size]` or `[B, heads, S, size]`, with the first columns of each head rotated.
fn rotated(w: &mut Wiring<'_>, tables: [OutletId; 2]) -> TractResult<TVec<OutletId>> {
    let x = w.input(0)?;
    let shape = w.fact(x)?.shape.to_tvec();
    let half = w.fact(tables[0])?.shape.iter().last().context("a scalar")?.to_usize()?;
    let mut split = x;
    if shape.len() == 3 {
        let columns = shape[2].to_usize()?;
        let heads = match usize::try_from(w.node.int_or("num_heads", 0))? {
            0 => columns / (2 * half).max(1),
            heads => heads,
        };
        ensure!(heads > 0 && columns.is_multiple_of(heads), "{columns} columns, {heads} heads");
        let size = (columns / heads).to_dim();
        let target = [shape[0].clone(), shape[1].clone(), heads.to_dim(), size];
        split = reshape_to(w, x, &target, true)?[0];
    }
    let size = w.fact(split)?.shape.to_tvec();
    ensure!(size.len() == 4, "{shape:?} is not supported");
    let size = size[3].to_usize()?;
    ensure!(2 * half <= size, "{half} angles for {size} columns");
    let axis = if shape.len() == 3 { 2 } else { 1 };
    let mut angles = tables;
    for table in &mut angles {
        *table = w.wire("angles", AxisOp::Add(axis), &[*table])?;
    }
    let columns = slice(w, split, 3, [0, 2 * half])?;
    let mut out = turned(w, columns, half, angles)?;
    if 2 * half < size {
        let rest = slice(w, split, 3, [2 * half, size])?;
        out = w.wire("out", TypedConcat::new(3), &[out, rest])?;
    }
    reshape_to(w, out, &shape, true)
}

/// Pairs of columns, which are neighbors or stand in two halves, turned by their angles.
fn turned(
    w: &mut Wiring<'_>,
    columns: OutletId,
    half: usize,
    [cosines, sines]: [OutletId; 2],
) -> TractResult<OutletId> {
    let interleaved = w.node.int_or("interleaved", 0) != 0;
    let [mut one, mut two] = if interleaved {
        let mut target = w.fact(columns)?.shape.to_tvec();
        target[3] = half.to_dim();
        target.push(2.to_dim());
        let pairs = reshape_to(w, columns, &target, true)?[0];
        let (one, two) = (slice(w, pairs, 4, [0, 1])?, slice(w, pairs, 4, [1, 2])?);
        [w.wire("one", AxisOp::Rm(4), &[one])?, w.wire("two", AxisOp::Rm(4), &[two])?]
    } else {
        [slice(w, columns, 3, [0, half])?, slice(w, columns, 3, [half, 2 * half])?]
    };
    let products = [
        w.binary("product", Box::new(Mul), [one, cosines])?,
        w.binary("product", Box::new(Mul), [two, sines])?,
        w.binary("product", Box::new(Mul), [one, sines])?,
        w.binary("product", Box::new(Mul), [two, cosines])?,
    ];
    one = w.binary("one", Box::new(Sub), [products[0], products[1]])?;
    two = w.binary("two", Box::new(Add), [products[2], products[3]])?;
    if !interleaved {
        return w.wire("turned", TypedConcat::new(3), &[one, two]);
    }
    let one = w.wire("one", AxisOp::Add(4), &[one])?;
    let two = w.wire("two", AxisOp::Add(4), &[two])?;
    let pairs = w.wire("turned", TypedConcat::new(4), &[one, two])?;
    let shape = w.fact(columns)?.shape.to_tvec();
    Ok(reshape_to(w, pairs, &shape, true)?[0])
}

fn slice(
    w: &mut Wiring<'_>,
    outlet: OutletId,
    axis: usize,
    [start, end]: [usize; 2],
) -> TractResult<OutletId> {
    w.wire("slice", Slice::new(axis, start, end), &[outlet])
}
