use tract_core::internal::*;
use tract_core::ops::array::Slice;

use super::{Lower, Wiring};
use crate::shape::resolve_axis;

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
    if w.optional(4).is_some() {
        let steps = w.ints(4)?;
        ensure!(steps.iter().all(|step| *step == 1), "steps {steps:?} are not supported");
    }
    let mut out = input;
    for ((axis, start), end) in axes.into_iter().zip(starts).zip(ends) {
        let axis = resolve_axis(axis, dims.len())?;
        let (start, end) = (bound(start, &dims[axis]), bound(end, &dims[axis]));
        if start == 0.to_dim() && end == dims[axis] {
            continue;
        }
        out = w.wire("axis", Slice::new(axis, start, end), &[out])?;
    }
    Ok(tvec!(out))
}

/// A slice bound by ONNX's rules: negative counts from the end, too large means the end.
fn bound(value: TDim, length: &TDim) -> TDim {
    const UNBOUNDED: i64 = i32::MAX as i64;
    match (value.to_i64(), length.to_i64()) {
        (Ok(value), _) if value >= UNBOUNDED => length.clone(),
        (Ok(value), Ok(length)) if value < 0 => (value + length).max(0).to_dim(),
        (Ok(value), Ok(length)) => value.min(length).to_dim(),
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
    Ok(outlets)
}
