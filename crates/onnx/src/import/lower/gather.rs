//! `Gather`, of tables that are stored as codes, too.

use tract_core::internal::*;
use tract_core::ops::array::Gather;
use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::cast::Cast;
use tract_core::ops::konst::Const;

use super::Wiring;
use crate::shape::resolve_axis;

/// Tables with fewer elements may be computed whole.
const SMALL: i64 = 1 << 12;

pub(super) fn gather(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let (table, indices) = (w.input(0)?, w.input(1)?);
    let axis = resolve_axis(w.node.int_or("axis", 0), w.rank(table)?)?;
    let indices = w.cast(indices, i64::datum_type())?;
    check_places(w, table, axis, indices)?;
    let is_large = |size: &TDim| size.to_i64().is_ok_and(|size| size >= SMALL);
    if axis == 0 && is_large(&w.fact(table)?.shape.volume()) && is_of_constants(w, table) {
        return Ok(tvec!(rows(w, table, indices)?));
    }
    Ok(tvec!(w.wire("out", Gather::new(axis), &[table, indices])?))
}

/// Whether a table is made of constants, element by element: its rows can be made one by one.
fn is_of_constants(w: &Wiring<'_>, table: OutletId) -> bool {
    if w.fact(table).is_ok_and(|fact| fact.shape.first().is_some_and(TDim::is_one)) {
        return true;
    }
    let node = &w.model.nodes[table.node];
    let of_inputs = || {
        let rank = w.rank(table).ok();
        node.inputs.iter().all(|input| w.rank(*input).ok() == rank && is_of_constants(w, *input))
    };
    node.op_is::<Const>() || (node.op_is::<Cast>() || node.op_is::<TypedBinOp>()) && of_inputs()
}

/// The rows of a table at `indices`, computed from the rows of the constants that it is made of:
/// computing all of a vocabulary's rows would cost more than the rest of a graph.
fn rows(w: &mut Wiring<'_>, table: OutletId, indices: OutletId) -> TractResult<OutletId> {
    if w.fact(table)?.shape[0].is_one() {
        // One row goes with each of the other operand's.
        let mut row = w.wire("row", AxisOp::Rm(0), &[table])?;
        for _ in 0..w.rank(indices)? {
            row = w.wire("row", AxisOp::Add(0), &[row])?;
        }
        return Ok(row);
    }
    let node = w.model.nodes[table.node].clone();
    if node.op_is::<Const>() {
        return w.wire("rows", Gather::new(0), &[table, indices]);
    }
    let inputs = node.inputs.iter().map(|input| rows(w, *input, indices));
    let inputs = inputs.collect::<TractResult<TVec<_>>>()?;
    let op: Box<dyn TypedOp> = node.op;
    w.wire("computed", op, &inputs)
}

/// Refuses constant indices that lie outside: the operator does not look.
fn check_places(
    w: &Wiring<'_>,
    table: OutletId,
    axis: usize,
    indices: OutletId,
) -> TractResult<()> {
    let (Some(indices), Ok(size)) = (w.fact(indices)?.konst, w.fact(table)?.shape[axis].to_i64())
    else {
        return Ok(());
    };
    let plain = indices.try_as_plain_ram()?;
    let outside = plain.as_slice::<i64>()?.iter().find(|index| !(-size..size).contains(*index));
    ensure!(outside.is_none(), "index {outside:?} is outside an axis of {size}");
    Ok(())
}
