//! `Pad` and `Tile`, as concatenation and broadcasting.

use tract_core::internal::*;
use tract_core::ops::array::{Gather, MultiBroadcastTo, Slice, TypedConcat};

use super::array::broadcast;
use super::{Lower, Wiring};
use crate::shape::{check_volume, resolve_axis};

pub(super) fn lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "Pad" => pad,
        "Tile" => tile,
        _ => return None,
    })
}

/// What padding consists of.
#[derive(Clone, Copy)]
enum Filling {
    Constant(OutletId),
    /// Elements from within, the outermost one not repeated.
    Reflected,
    /// The outermost element.
    Edge,
    /// Elements from the other end.
    Wrapped,
}

fn pad(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let rank = w.rank(input)?;
    let pads: Vec<i64> = match (w.optional(1), w.node.ints("pads")) {
        (Some(_), _) => w.ints(1)?,
        (None, Some(pads)) => pads.to_vec(),
        (None, None) => bail!("pads are missing"),
    };
    let axes: Vec<i64> = match w.optional(3) {
        Some(_) => w.ints(3)?,
        None => (0..rank as i64).collect(),
    };
    ensure!(pads.len() == 2 * axes.len(), "{} pads for {} axes", pads.len(), axes.len());
    let filling = match w.node.string("mode") {
        None | Some(b"constant") => Filling::Constant(value(w, input)?),
        Some(b"reflect") => Filling::Reflected,
        Some(b"edge") => Filling::Edge,
        Some(b"wrap") => Filling::Wrapped,
        _ => bail!("the mode is not known"),
    };
    let mut out = input;
    for (axis, (before, after)) in axes.iter().zip(pads.iter().zip(&pads[axes.len()..])) {
        out = pad_axis(w, out, resolve_axis(*axis, rank)?, [*before, *after], filling)?;
    }
    Ok(tvec!(out))
}

/// The constant that padding consists of, as a scalar.
fn value(w: &mut Wiring<'_>, input: OutletId) -> TractResult<OutletId> {
    let dtype = w.dtype(input)?;
    let Some(value) = w.optional(2) else {
        let value = tensor0(w.node.float_or("value", 0.0));
        return w.scalar("value", value.cast_to_dt(dtype)?.into_owned());
    };
    let mut value = w.cast(value, dtype)?;
    let shape = w.fact(value)?.shape.to_tvec();
    ensure!(shape.iter().all(TDim::is_one), "a value of shape {shape:?}");
    for _ in shape {
        value = w.wire("scalar", AxisOp::Rm(0), &[value])?;
    }
    Ok(value)
}

fn pad_axis(
    w: &mut Wiring<'_>,
    input: OutletId,
    axis: usize,
    [before, after]: [i64; 2],
    filling: Filling,
) -> TractResult<OutletId> {
    let mut inner = input;
    let dims = w.fact(input)?.shape.to_tvec();
    let (first, last) = ((-before).max(0), (-after).max(0));
    if first > 0 || last > 0 {
        let end = dims[axis].clone() - last;
        ensure!(end.to_i64().is_ok_and(|end| end >= first), "pads of {before} and {after}");
        inner = w.wire("cut", Slice::new(axis, first.to_dim(), end), &[input])?;
    }
    let mut parts = tvec!();
    for (behind, count) in [(false, before), (true, after)] {
        if behind {
            parts.push(inner);
        }
        if count > 0 {
            parts.push(filled(w, inner, axis, (behind, count), filling)?);
        }
    }
    if parts.len() == 1 {
        return Ok(inner);
    }
    w.wire("padded", TypedConcat::new(axis), &parts)
}

/// `count` elements before or behind `input`.
fn filled(
    w: &mut Wiring<'_>,
    input: OutletId,
    axis: usize,
    (behind, count): (bool, i64),
    filling: Filling,
) -> TractResult<OutletId> {
    let mut dims = w.fact(input)?.shape.to_tvec();
    let size = std::mem::replace(&mut dims[axis], count.to_dim());
    check_volume(&dims, w.dtype(input)?)?;
    // Places from the end are negative: they need no size.
    let (places, needed): (Vec<i64>, i64) = match (filling, behind) {
        (Filling::Constant(value), _) => return Ok(broadcast(w, value, dims)?[0]),
        (Filling::Reflected, false) => ((1..=count).rev().collect(), count + 1),
        (Filling::Reflected, true) => ((0..count).map(|place| -2 - place).collect(), count + 1),
        (Filling::Edge, false) => (vec![0; count as usize], 1),
        (Filling::Edge, true) => (vec![-1; count as usize], 1),
        (Filling::Wrapped, false) => ((-count..0).collect(), count),
        (Filling::Wrapped, true) => ((0..count).collect(), count),
    };
    let fits = size.to_i64().map_or(true, |size| size >= needed);
    ensure!(fits, "padding of {count} elements made of {size}");
    let places = w.scalar("places", tensor1(&places))?;
    w.wire("filled", Gather::new(axis), &[input, places])
}

fn tile(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let mut out = w.input(0)?;
    let repeats = w.dims(1)?;
    ensure!(repeats.len() == w.rank(out)?, "{} repeats", repeats.len());
    for (axis, repeat) in repeats.into_iter().enumerate().filter(|(_, repeat)| !repeat.is_one()) {
        ensure!(repeat.to_i64().map_or(true, |repeat| repeat >= 0), "{repeat} repeats");
        let mut dims = w.fact(out)?.shape.to_tvec();
        let size = dims[axis].clone();
        dims.insert(axis, repeat.clone());
        check_volume(&dims, w.dtype(out)?)?;
        out = w.wire("again", AxisOp::Add(axis), &[out])?;
        out = w.wire("repeated", MultiBroadcastTo::new(dims.into()), &[out])?;
        let whole = tvec!(repeat.clone() * size.clone());
        out = w.wire("tiled", AxisOp::Reshape(axis, tvec!(repeat, size), whole), &[out])?;
    }
    Ok(tvec!(out))
}
