//! Convolution and pooling.

use tract_core::internal::*;
use tract_core::ops::math::Add;
use tract_core::ops::nn::Reducer;

use super::linear::product;
use super::reduce::reduced;
use super::{FOLDED, Lower, Wiring};
use crate::operators::{Convolve, Padding, Pool, Pooled, Span, Window};

/// No window has larger sizes; products of two fit 32 bits.
const LARGEST: i64 = 1 << 15;

pub(super) fn lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "Conv" => convolution,
        "MaxPool" => |w| pool(w, Pooled::Max),
        "AveragePool" => |w| {
            let padding = w.node.int_or("count_include_pad", 0) != 0;
            pool(w, Pooled::Mean { padding })
        },
        "GlobalMaxPool" => |w| global(w, Reducer::Max, false),
        "GlobalAveragePool" => |w| global(w, Reducer::Sum, true),
        _ => return None,
    })
}

pub(super) fn contrib_lowering(operator: &str) -> Option<Lower> {
    (operator == "FusedConv").then_some(fused_convolution as Lower)
}

/// What a convolution is of: numbers `[N, C, …]`, weights `[M, C / groups, …]`, and a bias `[M]`.
pub(super) struct Operands {
    pub(super) x: OutletId,
    pub(super) weights: OutletId,
    pub(super) bias: Option<OutletId>,
}

fn convolution(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let (x, weights, bias) = (w.input(0)?, w.input(1)?, w.optional(2));
    let dtype = w.dtype(x)?;
    ensure!(dtype.is_float(), "{dtype:?} is not supported");
    let x = w.cast(x, f32::datum_type())?;
    let out = convolved(w, Operands { x, weights, bias })?;
    Ok(tvec!(w.cast(out, dtype)?))
}

/// A convolution, summed with what has its shape, and the activation that the node names.
fn fused_convolution(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let (x, weights, bias) = (w.input(0)?, w.input(1)?, w.optional(2));
    let mut out = convolved(w, Operands { x, weights, bias })?;
    if let Some(summand) = w.optional(3) {
        out = w.binary("summed", Box::new(Add), [out, summand])?;
    }
    Ok(tvec!(super::activation::named(w, out)?))
}

/// The convolution that the node's attributes tell, of f32.
pub(super) fn convolved(w: &mut Wiring<'_>, operands: Operands) -> TractResult<OutletId> {
    let shape = w.fact(operands.weights)?.shape;
    let shape = shape.as_concrete().context("weights without a fixed shape")?.to_vec();
    let [outputs, channels, kernel @ ..] = &shape[..] else { bail!("weights of {shape:?}") };
    let groups = usize::try_from(w.node.int_or("group", 1))?;
    let dims = w.fact(operands.x)?.shape.to_tvec();
    ensure!(dims.len() == shape.len(), "weights of {shape:?} for {dims:?}");
    let expected = (channels * groups).to_dim();
    ensure!(dims[1] == expected, "{} channels for weights of {shape:?}", dims[1]);
    let window = window(w, kernel)?;
    if groups == 1 && window == points(kernel.len())? {
        return pointwise(w, operands, [*outputs, *channels]);
    }
    windowed(w, operands, Convolve::new(window, groups, *outputs)?)
}

fn windowed(w: &mut Wiring<'_>, operands: Operands, mut op: Convolve) -> TractResult<OutletId> {
    let Operands { x, weights, mut bias } = operands;
    let mut inputs = tvec!(x);
    match w.folded(weights, &mut FOLDED.clone())? {
        Some(weights) => op = op.with_weights(&*weights.cast_to::<f32>()?)?,
        None => inputs.push(w.cast(weights, f32::datum_type())?),
    }
    let known = match bias {
        Some(bias) => w.folded(bias, &mut FOLDED.clone())?,
        None => None,
    };
    if let Some(values) = known {
        op = op.with_bias(w.floats_of(&values)?)?;
        bias = None;
    }
    let rank = w.rank(x)?;
    let out = w.wire("out", op, &inputs)?;
    let Some(mut bias) = bias else { return Ok(out) };
    for axis in 1..rank - 1 {
        bias = w.wire("bias", AxisOp::Add(axis), &[bias])?;
    }
    w.binary("biased", Box::new(Add), [out, bias])
}

/// A window of one element is a product of the channels.
fn pointwise(
    w: &mut Wiring<'_>,
    operands: Operands,
    [outputs, channels]: [usize; 2],
) -> TractResult<OutletId> {
    let Operands { x, weights, bias } = operands;
    let last = w.rank(x)? - 1;
    let weights = match w.folded(weights, &mut FOLDED.clone())? {
        Some(weights) => {
            let weights = weights.cast_to::<f32>()?.into_owned();
            w.scalar("weights", weights.into_shape(&[outputs, channels])?)?
        }
        None => {
            let mut weights = w.cast(weights, f32::datum_type())?;
            for _ in 1..last {
                weights = w.wire("matrix", AxisOp::Rm(2), &[weights])?;
            }
            weights
        }
    };
    let x = w.wire("rows", AxisOp::Move(1, last), &[x])?;
    let mut out = product(w, x, weights, true)?;
    if let Some(bias) = bias {
        out = w.binary("biased", Box::new(Add), [out, bias])?;
    }
    w.wire("channels", AxisOp::Move(last, 1), &[out])
}

/// Windows of one element each.
fn points(axes: usize) -> TractResult<Window> {
    let padding = Padding::Explicit { before: 0, after: 0 };
    let span = Span { kernel: 1, stride: 1, dilation: 1, padding, ceil: false };
    Window::new(tvec![span; axes]).with_context(|| format!("{axes} spatial axes"))
}

fn window(w: &Wiring<'_>, kernel: &[usize]) -> TractResult<Window> {
    let axes = kernel.len();
    let sizes = |name: &str, count: usize, least: i64| -> TractResult<Vec<usize>> {
        let values = match w.node.ints(name) {
            Some(values) if !values.is_empty() => values.to_vec(),
            _ => vec![least; count],
        };
        let fits = values.iter().all(|value| (least..=LARGEST).contains(value));
        ensure!(values.len() == count && fits, "{name} {values:?} for {axes} axes");
        Ok(values.into_iter().map(|value| value as usize).collect())
    };
    let (strides, dilations) = (sizes("strides", axes, 1)?, sizes("dilations", axes, 1)?);
    let pads = sizes("pads", 2 * axes, 0)?;
    let declared = w.node.ints("kernel_shape").map(<[i64]>::to_vec);
    let same =
        declared.is_none_or(|sizes| sizes.iter().copied().eq(kernel.iter().map(|k| *k as i64)));
    let fits = kernel.iter().all(|size| (1..=LARGEST as usize).contains(size));
    ensure!(same && fits, "a kernel of {kernel:?}");
    let ceil = w.node.int_or("ceil_mode", 0) != 0;
    let spans = (0..axes).map(|axis| {
        let padding = match w.node.string("auto_pad") {
            Some(b"SAME_UPPER") => Padding::SameUpper,
            Some(b"SAME_LOWER") => Padding::SameLower,
            Some(b"VALID") => Padding::Explicit { before: 0, after: 0 },
            _ => Padding::Explicit { before: pads[axis], after: pads[axes + axis] },
        };
        let (kernel, stride, dilation) = (kernel[axis], strides[axis], dilations[axis]);
        Span { kernel, stride, dilation, padding, ceil }
    });
    Window::new(spans.collect()).with_context(|| format!("{axes} spatial axes"))
}

fn pool(w: &mut Wiring<'_>, of: Pooled) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let dtype = w.dtype(input)?;
    ensure!(w.node.output.len() == 1, "indices are not supported");
    ensure!(dtype.is_number() && dtype.size_of() <= 4, "{dtype:?} is not supported");
    let kernel = w.node.ints("kernel_shape").context("kernel_shape is missing")?;
    let kernel = kernel.iter().map(|size| usize::try_from(*size)).collect::<Result<Vec<_>, _>>()?;
    let op = Pool { window: window(w, &kernel)?, of };
    let x = w.cast(input, f32::datum_type())?;
    let out = w.wire("out", op, &[x])?;
    Ok(tvec!(w.cast(out, dtype)?))
}

fn global(w: &mut Wiring<'_>, reducer: Reducer, mean: bool) -> TractResult<TVec<OutletId>> {
    let input = w.input(0)?;
    let axes = (2..w.rank(input)?).collect();
    Ok(tvec!(reduced(w, input, axes, (reducer, mean))?))
}
