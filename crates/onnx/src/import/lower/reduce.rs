//! Sums, means and others over axes.

use tract_core::internal::*;
use tract_core::ops::math::Add;
use tract_core::ops::math::{self, Div, Sub};
use tract_core::ops::nn::{Reduce, Reducer};

use super::{Lower, Wiring};
use crate::shape::resolve_axis;

pub(super) fn lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "ReduceMean" => |w| reduce(w, (Reducer::Sum, true)),
        "ReduceSum" => |w| reduce(w, (Reducer::Sum, false)),
        "ReduceMax" => |w| reduce(w, (Reducer::Max, false)),
        "ReduceMin" => |w| reduce(w, (Reducer::Min, false)),
        "ReduceProd" => |w| reduce(w, (Reducer::Prod, false)),
        "ReduceL1" => |w| with_sum(w, |w, x| w.unary("size", math::abs(), x), |_, sum| Ok(sum)),
        "ReduceL2" => |w| with_sum(w, square, |w, sum| w.unary("root", math::sqrt(), sum)),
        "ReduceSumSquare" => |w| with_sum(w, square, |_, sum| Ok(sum)),
        "ReduceLogSum" => |w| with_sum(w, |_, x| Ok(x), |w, sum| w.unary("log", math::ln(), sum)),
        "ReduceLogSumExp" => log_sum_exp,
        "ArgMax" => |w| arg(w, Reducer::ArgMax),
        "ArgMin" => |w| arg(w, Reducer::ArgMin),
        _ => return None,
    })
}

/// A step before or after a sum.
type Step = fn(&mut Wiring<'_>, OutletId) -> TractResult<OutletId>;

fn square(w: &mut Wiring<'_>, x: OutletId) -> TractResult<OutletId> {
    w.binary("squares", Box::new(math::Mul), [x, x])
}

/// The axes of the node; `None` if nothing is to be done.
fn axes(w: &Wiring<'_>, rank: usize) -> TractResult<Option<TVec<usize>>> {
    Ok(match w.axes(1, rank)? {
        Some(axes) if !axes.is_empty() => Some(axes),
        _ if w.node.int_or("noop_with_empty_axes", 0) != 0 => None,
        _ => Some((0..rank).collect()),
    })
}

/// Drops the axes of one element that a reduction leaves, unless they are wanted.
fn dropped(w: &mut Wiring<'_>, mut out: OutletId, axes: &[usize]) -> TractResult<OutletId> {
    if w.node.int_or("keepdims", 1) == 0 {
        for axis in axes.iter().rev() {
            out = w.wire("dropped", AxisOp::Rm(*axis), &[out])?;
        }
    }
    Ok(out)
}

fn reduce(w: &mut Wiring<'_>, how: (Reducer, bool)) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let Some(axes) = axes(w, w.rank(input)?)? else { return Ok(tvec!(input)) };
    let dtype = w.dtype(input)?;
    let codes = if dtype == bool::datum_type() { u8::datum_type() } else { dtype };
    let input = w.cast(input, codes)?;
    let out = reduced(w, input, axes.clone(), how)?;
    let out = if codes == dtype { out } else { w.cast(out, dtype)? };
    Ok(tvec!(dropped(w, out, &axes)?))
}

fn with_sum(w: &mut Wiring<'_>, before: Step, after: Step) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let axes = axes(w, w.rank(input)?)?;
    let mut out = before(w, input)?;
    if let Some(axes) = &axes {
        out = reduced(w, out, axes.clone(), (Reducer::Sum, false))?;
    }
    out = after(w, out)?;
    Ok(tvec!(dropped(w, out, &axes.unwrap_or_default())?))
}

/// With the largest element taken out, whose power could overflow.
fn log_sum_exp(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let Some(axes) = axes(w, w.rank(input)?)? else { return Ok(tvec!(input)) };
    let largest = reduced(w, input, axes.clone(), (Reducer::Max, false))?;
    let moved = w.binary("moved", Box::new(Sub), [input, largest])?;
    let powers = w.unary("powers", math::exp(), moved)?;
    let sum = reduced(w, powers, axes.clone(), (Reducer::Sum, false))?;
    let log = w.unary("log", math::ln(), sum)?;
    let out = w.binary("out", Box::new(Add), [log, largest])?;
    Ok(tvec!(dropped(w, out, &axes)?))
}

fn arg(w: &mut Wiring<'_>, reducer: fn(bool) -> Reducer) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let axis = resolve_axis(w.node.int_or("axis", 0), w.rank(input)?)?;
    let last = w.node.int_or("select_last_index", 0) != 0;
    let out = w.wire("reduced", Reduce::new(tvec![axis], reducer(last)), &[input])?;
    Ok(tvec!(dropped(w, out, &[axis])?))
}

/// What is left of `axes`, which keep one element each; a mean is a sum, divided.
pub(super) fn reduced(
    w: &mut Wiring<'_>,
    input: OutletId,
    axes: TVec<usize>,
    (reducer, mean): (Reducer, bool),
) -> TractResult<OutletId> {
    let mut input = input;
    if w.dtype(input)? == TDim::datum_type() {
        input = w.cast(input, i64::datum_type())?;
    }
    let sum = w.wire("reduced", Reduce::new(axes.clone(), reducer), &[input])?;
    if !mean {
        return Ok(sum);
    }
    let fact = w.fact(input)?;
    let length: TDim = axes.iter().map(|axis| &fact.shape[*axis]).product();
    let length = w.scalar("length", tensor0(length))?;
    let length = w.cast(length, fact.datum_type)?;
    w.binary("mean", Box::new(Div), [sum, length])
}
