use tract_core::internal::*;
use tract_core::ops::array::{
    CumSum, GatherElements, GatherNd, MultiBroadcastTo, Trilu, TypedConcat,
};
use tract_core::ops::cast::cast;
use tract_core::ops::change_axes::to_axis_ops_with_onnx_rules;

use super::{Lower, Wiring};
use crate::element::datum_type;
use crate::shape::{check_volume, resolve_axis};

pub(super) fn lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "Constant" => constant,
        "Identity" => |w| Ok(tvec!(w.input(0)?)),
        "Dropout" => dropout,
        "Cast" => cast_to,
        "CastLike" => |w| {
            let (input, like) = (w.input(0)?, w.input(1)?);
            let dtype = w.dtype(like)?;
            Ok(tvec!(w.cast(input, dtype)?))
        },
        "Shape" => shape,
        "Size" => size,
        "Reshape" => reshape,
        "Flatten" => flatten,
        "Transpose" => transpose,
        "Unsqueeze" => unsqueeze,
        "Squeeze" => squeeze,
        "Concat" => concat,
        "Gather" => super::gather::gather,
        "GatherElements" => gather_elements,
        "GatherND" => gather_nd,
        "Expand" => expand,
        "ConstantOfShape" => constant_of_shape,
        "CumSum" => cumsum,
        "Trilu" => trilu,
        _ => return None,
    })
}

fn constant(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let value = if let Some(tensor) = w.node.tensor("value") {
        tensor.to_tensor()?
    } else if w.node.has("value_int") {
        tensor0(w.node.int("value_int")?)
    } else if w.node.has("value_float") {
        tensor0(w.node.float_or("value_float", 0.0))
    } else if let Some(ints) = w.node.ints("value_ints") {
        tensor1(ints)
    } else {
        bail!("a constant needs one of value, value_int, value_ints, value_float")
    };
    Ok(tvec!(w.scalar("value", value)?))
}

/// Drops nothing: that is for training.
fn dropout(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    if w.optional(2).is_some() {
        let training = w.constant(2)?.cast_to_scalar::<bool>()?;
        ensure!(!training, "training is not supported");
    }
    let mut outlets = tvec!(input);
    if w.node.output.len() > 1 {
        let kept = w.scalar("kept", tensor0(true))?;
        let shape = w.fact(input)?.shape.to_tvec();
        outlets.extend(broadcast(w, kept, shape)?);
    }
    Ok(outlets)
}

fn cast_to(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let element = w.node.int("to")?;
    let to = i32::try_from(element).ok().and_then(datum_type);
    let to = to.with_context(|| format!("cast to element type {element} is not supported"))?;
    let symbolic = w.dtype(input)? == TDim::datum_type() && to.is_integer();
    if symbolic || w.dtype(input)? == to {
        return Ok(tvec!(input));
    }
    Ok(tvec!(w.wire("out", cast(to), &[input])?))
}

fn shape(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let dims = w.fact(input)?.shape.to_tvec();
    let rank = dims.len() as i64;
    let bound = |value: i64| (if value < 0 { value + rank } else { value }).clamp(0, rank) as usize;
    let start = bound(w.node.int_or("start", 0));
    let end = bound(w.node.int_or("end", rank)).max(start);
    Ok(tvec!(w.scalar("dims", tensor1(&dims[start..end]))?))
}

fn size(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let size: TDim = w.fact(input)?.shape.iter().product();
    Ok(tvec!(w.scalar("size", tensor0(size))?))
}

fn reshape(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let target = w.dims(1)?;
    let allow_zero = w.node.int_or("allowzero", 0) != 0;
    reshape_to(w, input, &target, allow_zero)
}

pub(super) fn reshape_to(
    w: &mut Wiring<'_>,
    input: OutletId,
    target: &[TDim],
    allow_zero: bool,
) -> TractResult<TVec<OutletId>> {
    let dims = w.fact(input)?.shape.to_tvec();
    let mut out = input;
    for op in to_axis_ops_with_onnx_rules(&dims, target, allow_zero)? {
        out = w.wire("axis", op, &[out])?;
    }
    Ok(tvec!(out))
}

fn flatten(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let dims = w.fact(input)?.shape.to_tvec();
    let axis = w.node.int_or("axis", 1);
    let axis = if axis == dims.len() as i64 { dims.len() } else { resolve_axis(axis, dims.len())? };
    let (rows, columns) = dims.split_at(axis);
    let target = [rows.iter().product(), columns.iter().product()];
    reshape_to(w, input, &target, true)
}

fn transpose(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let rank = w.rank(input)?;
    let permutation: TVec<usize> = match w.node.ints("perm") {
        Some(perm) => {
            perm.iter().map(|axis| resolve_axis(*axis, rank)).collect::<TractResult<_>>()?
        }
        None => (0..rank).rev().collect(),
    };
    let mut sorted = permutation.clone();
    sorted.sort_unstable();
    ensure!(sorted.iter().copied().eq(0..rank), "perm {permutation:?} is no permutation");
    let mut out = input;
    for op in perm_to_ops(&permutation) {
        out = w.wire("move", op, &[out])?;
    }
    Ok(tvec!(out))
}

fn unsqueeze(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let added = match (w.optional(1), w.node.ints("axes")) {
        (Some(_), _) => w.ints(1)?.len(),
        (None, axes) => axes.map_or(0, <[i64]>::len),
    };
    let axes = w.axes(1, w.rank(input)? + added)?.context("axes are missing")?;
    let mut out = input;
    for axis in axes {
        out = w.wire("add", AxisOp::Add(axis), &[out])?;
    }
    Ok(tvec!(out))
}

fn squeeze(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let dims = w.fact(input)?.shape.to_tvec();
    let axes = match w.axes(1, dims.len())? {
        Some(axes) => axes,
        None => (0..dims.len()).filter(|axis| dims[*axis].is_one()).collect(),
    };
    let mut out = input;
    for axis in axes.into_iter().rev() {
        ensure!(dims[axis].is_one(), "axis {axis} of {dims:?} is not 1");
        out = w.wire("remove", AxisOp::Rm(axis), &[out])?;
    }
    Ok(tvec!(out))
}

fn concat(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let inputs = w.all_inputs()?;
    let first = *inputs.first().context("nothing to concatenate")?;
    let axis = resolve_axis(w.node.int("axis")?, w.rank(first)?)?;
    let dtypes = inputs.iter().map(|input| w.dtype(*input)).collect::<TractResult<Vec<_>>>()?;
    let dtype = DatumType::super_type_for(dtypes).context("element types do not fit")?;
    let inputs =
        inputs.iter().map(|input| w.cast(*input, dtype)).collect::<TractResult<TVec<_>>>()?;
    Ok(tvec!(w.wire("out", TypedConcat::new(axis), &inputs)?))
}

fn gather_elements(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let (table, indices) = (w.input(0)?, w.input(1)?);
    let axis = resolve_axis(w.node.int_or("axis", 0), w.rank(table)?)?;
    let indices = w.cast(indices, i64::datum_type())?;
    Ok(tvec!(w.wire("out", GatherElements { axis }, &[table, indices])?))
}

fn gather_nd(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let (table, indices) = (w.input(0)?, w.input(1)?);
    let batch_dims = usize::try_from(w.node.int_or("batch_dims", 0))?;
    let indices = w.cast(indices, i64::datum_type())?;
    Ok(tvec!(w.wire("out", GatherNd { batch_dims }, &[table, indices])?))
}

fn expand(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let fact = w.fact(input)?;
    let dims = fact.shape.to_tvec();
    let target = tract_core::broadcast::multi_broadcast(&[&dims[..], &w.dims(1)?[..]])?;
    broadcast(w, input, target)
}

fn constant_of_shape(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let target: TVec<TDim> = w.dims(0)?.into();
    let value = match w.node.tensor("value") {
        Some(tensor) => tensor.to_tensor()?,
        None => tensor0(0f32),
    };
    ensure!(value.len() == 1, "value has {} elements, not one", value.len());
    let value = w.scalar("value", value.into_shape(&[])?)?;
    broadcast(w, value, target)
}

pub(super) fn broadcast(
    w: &mut Wiring<'_>,
    input: OutletId,
    target: TVec<TDim>,
) -> TractResult<TVec<OutletId>> {
    // Before wiring: small constants are evaluated at once, whatever their result's size.
    check_volume(&target, w.dtype(input)?)?;
    let mut input = input;
    for _ in w.rank(input)?..target.len() {
        input = w.wire("rank", AxisOp::Add(0), &[input])?;
    }
    Ok(tvec!(w.wire("out", MultiBroadcastTo::new(target.into()), &[input])?))
}

pub(super) fn scalar(dims: Vec<TDim>) -> TractResult<TDim> {
    match &dims[..] {
        [dim] => Ok(dim.clone()),
        _ => bail!("expected a scalar, found {} elements", dims.len()),
    }
}

fn cumsum(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let axis = scalar(w.dims(1)?)?.to_i64()?;
    let op = CumSum {
        axis: resolve_axis(axis, w.rank(input)?)?,
        exclusive: w.node.int_or("exclusive", 0) != 0,
        reverse: w.node.int_or("reverse", 0) != 0,
    };
    Ok(tvec!(w.wire("out", op, &[input])?))
}

fn trilu(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let diagonal = match w.optional(1) {
        Some(_) => w.input(1)?,
        None => w.scalar("diagonal", tensor0(0i64))?,
    };
    let upper = w.node.int_or("upper", 1) != 0;
    Ok(tvec!(w.wire("out", Trilu { upper }, &[input, diagonal])?))
}
