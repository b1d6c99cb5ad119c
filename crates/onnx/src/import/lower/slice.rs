use tract_core::internal::*;
use tract_core::ops::array::{Gather, Slice};
use tract_core::ops::math::{Add, Mul};

use super::range::sizes;
use super::{Lower, Wiring};
use crate::shape::{check_volume, resolve_axis};

/// Bounds from here on stand for the end: exporters write this, or the largest integer, and no axis
/// is that long.
const UNBOUNDED: i64 = 1_000_000_000;

pub(super) fn lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "Slice" => slice,
        "Split" => split,
        _ => return None,
    })
}

fn slice(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let dims = w.fact(input)?.shape.to_tvec();
    let symbolic = |values: &[i64]| values.iter().map(|value| value.to_dim()).collect::<Vec<_>>();
    let (starts, ends) = if w.opset < 10 {
        let attribute = |name| w.node.ints(name).with_context(|| format!("{name} is missing"));
        (symbolic(attribute("starts")?), symbolic(attribute("ends")?))
    } else {
        (w.dims(1)?, w.dims(2)?)
    };
    ensure!(starts.len() == ends.len(), "{} starts, {} ends", starts.len(), ends.len());
    let axes: Vec<i64> = match (w.optional(3), w.node.ints("axes")) {
        (Some(_), _) => w.ints(3)?,
        (None, Some(axes)) => axes.to_vec(),
        (None, None) => (0..starts.len() as i64).collect(),
    };
    ensure!(axes.len() == starts.len(), "{} starts, {} axes", starts.len(), axes.len());
    let steps = if w.optional(4).is_some() { w.ints(4)? } else { vec![1; axes.len()] };
    ensure!(steps.len() == axes.len(), "{} axes, {} steps", axes.len(), steps.len());
    let mut out = input;
    for (((axis, start), end), step) in axes.into_iter().zip(starts).zip(ends).zip(steps) {
        let axis = resolve_axis(axis, dims.len())?;
        if step != 1 {
            out = stepped(w, out, axis, (start, end), step)?;
            continue;
        }
        let (start, end) = (bound(start, &dims[axis]), bound(end, &dims[axis]));
        if start == 0.to_dim() && end == dims[axis] {
            continue;
        }
        // An end before the start is as good as the start.
        let end = match (start.to_i64(), end.to_i64()) {
            (Ok(start), Ok(end)) => end.max(start).to_dim(),
            _ => end,
        };
        out = w.wire("axis", Slice::new(axis, start, end), &[out])?;
    }
    Ok(tvec!(out))
}

/// Every `step`th element, from the end if it is negative.
fn stepped(
    w: &mut Wiring<'_>,
    input: OutletId,
    axis: usize,
    (start, end): (TDim, TDim),
    step: i64,
) -> TractResult<OutletId> {
    let size = w.fact(input)?.shape[axis].clone();
    let each = step.unsigned_abs();
    ensure!((1..=UNBOUNDED as u64).contains(&each), "step {step} is not supported");
    let (first, count) = if step > 0 {
        let (start, end) = (bound(start, &size), bound(end, &size));
        (start.clone(), nonnegative(end - start).divceil(each as usize))
    } else {
        let (start, end) = (bound_backwards(start, &size), bound_backwards(end, &size));
        (start.clone(), nonnegative(start - end).divceil(each as usize))
    };
    let places = match (first.to_i64(), count.to_i64()) {
        (Ok(first), Ok(count)) => {
            check_volume(&[count.to_dim()], i64::datum_type())?;
            let places: Vec<i64> = (0..count).map(|place| first + place * step).collect();
            w.scalar("places", tensor1(&places))?
        }
        _ => {
            let numbers = sizes(w, [0.to_dim(), count, 1.to_dim()])?;
            let step = w.scalar("step", tensor0(step))?;
            let first = w.scalar("first", tensor0(first))?;
            let first = w.cast(first, i64::datum_type())?;
            let places = w.binary("stepped", Box::new(Mul), [numbers, step])?;
            w.binary("places", Box::new(Add), [places, first])?
        }
    };
    w.wire("stepped", Gather::new(axis), &[input, places])
}

fn nonnegative(length: TDim) -> TDim {
    length.to_i64().map_or(length, |length| length.max(0).to_dim())
}

/// A bound of a slice that runs to the front, whose end may be before the first element.
fn bound_backwards(value: TDim, length: &TDim) -> TDim {
    let Ok(value) = value.to_i64() else { return value };
    if value >= UNBOUNDED {
        return length.clone() - 1;
    }
    if value <= -UNBOUNDED {
        return (-1).to_dim();
    }
    let absolute = if value < 0 { length.clone() + value } else { value.to_dim() };
    match (absolute.to_i64(), length.to_i64()) {
        (Ok(absolute), Ok(length)) => absolute.clamp(-1, length - 1).to_dim(),
        _ => absolute,
    }
}

/// A slice bound by ONNX's rules: negative counts from the end, too large means the end.
fn bound(value: TDim, length: &TDim) -> TDim {
    match (value.to_i64(), length.to_i64()) {
        (Ok(value), _) if value >= UNBOUNDED => length.clone(),
        (Ok(value), Ok(length)) if value < 0 => (value + length).max(0).to_dim(),
        (Ok(value), Ok(length)) => value.min(length).to_dim(),
        (Ok(value), Err(_)) if value <= -UNBOUNDED => 0.to_dim(),
        (Ok(value), Err(_)) if value < 0 => length.clone() + value,
        _ => value,
    }
}

fn split(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let dims = w.fact(input)?.shape.to_tvec();
    let axis = resolve_axis(w.node.int_or("axis", 0), dims.len())?;
    let parts = w.node.output.len();
    let sizes: Vec<i64> = match (w.optional(1), w.node.ints("split")) {
        (Some(_), _) => w.ints(1)?,
        (None, Some(sizes)) => sizes.to_vec(),
        (None, None) => {
            let whole = dims[axis].to_i64()?;
            let part = whole.max(0) as usize;
            let part = part.div_ceil(parts.max(1)) as i64;
            (0..parts as i64).map(|i| part.min(whole - i * part)).collect()
        }
    };
    ensure!(sizes.len() == parts, "{} sizes for {parts} outputs", sizes.len());
    let mut start = 0;
    let mut outlets = tvec!();
    for size in sizes {
        ensure!(size >= 0, "split sizes must not be negative");
        outlets.push(w.wire("part", Slice::new(axis, start, start + size), &[input])?);
        start += size;
    }
    let whole = dims[axis].to_i64();
    ensure!(whole.map_or(true, |whole| whole == start), "parts of {start} in {}", dims[axis]);
    Ok(outlets)
}
