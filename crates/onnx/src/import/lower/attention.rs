//! Attention and embeddings as ONNX Runtime fuses them, spelt out again.

use tract_core::internal::*;
use tract_core::ops::array::{Gather, Slice, Trilu};
use tract_core::ops::logic::{self, And, Iff};
use tract_core::ops::math::{Add, Mul, Sub};
use tract_core::ops::nn::{Reducer, Softmax};

use super::array::{broadcast, reshape_to};
use super::linear::{contracted, product};
use super::normalize::normalized;
use super::range::sizes;
use super::reduce::reduced;
use super::{Lower, Wiring};

/// What ONNX Runtime adds to scores that are masked out.
const MASKED: f32 = -10_000.0;

pub(super) fn contrib_lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "Attention" => attention,
        "QAttention" => quantized_attention,
        "MultiHeadAttention" => multi_head_attention,
        "EmbedLayerNormalization" => embed_layer_normalization,
        _ => return None,
    })
}

/// Queries, keys and values `[B, S, heads · width]`, and what their scores are summed with.
struct Heads {
    count: usize,
    parts: [OutletId; 3],
    mask: Option<OutletId>,
    bias: Option<OutletId>,
}

fn attention(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    ensure!(w.optional(4).is_none(), "past keys and values are not supported");
    let (x, weights) = (w.input(0)?, w.constant(1)?.cast_to::<f32>()?.into_owned());
    let bias = match w.known(2)? {
        Some(bias) => Some(bias.cast_to::<f32>()?.into_owned()),
        None => None,
    };
    ensure!(bias.is_some() || w.optional(2).is_none(), "input 2 is not a constant");
    projected(w, x, weights, bias, (w.optional(3), w.optional(5)))
}

/// Codes are taken for what they stand for.
fn quantized_attention(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    ensure!(w.optional(8).is_none(), "past keys and values are not supported");
    let (x, weights) = (w.input(0)?, w.constant(1)?.cast_to::<f32>()?.into_owned());
    let bias = w.constant(2)?.cast_to::<f32>()?.into_owned();
    let mut x = w.cast(x, f32::datum_type())?;
    let mut weights = w.scalar("codes", weights)?;
    if w.optional(6).is_some() {
        let zero_point = element(w, 6)?;
        x = w.binary("shifted", Box::new(Sub), [x, zero_point])?;
    }
    if w.optional(7).is_some() {
        let zero_point = w.input(7)?;
        let zero_point = w.cast(zero_point, f32::datum_type())?;
        weights = w.binary("weights", Box::new(Sub), [weights, zero_point])?;
    }
    let (scale, weight_scale) = (element(w, 3)?, w.input(4)?);
    let x = w.binary("scaled", Box::new(Mul), [x, scale])?;
    let weights = w.binary("weights", Box::new(Mul), [weights, weight_scale])?;
    let weights = w.folded(weights, &mut 16)?.context("weights are no constants")?;
    projected(w, x, (*weights).clone(), Some(bias), (w.optional(5), None))
}

/// An input of one element as an f32 scalar.
fn element(w: &mut Wiring<'_>, index: usize) -> TractResult<OutletId> {
    let mut outlet = w.input(index)?;
    for _ in 0..w.rank(outlet)? {
        outlet = w.wire("scalar", AxisOp::Rm(0), &[outlet])?;
    }
    w.cast(outlet, f32::datum_type())
}

/// Attention whose queries, keys and values are products of `x` with the columns of `weights`.
fn projected(
    w: &mut Wiring<'_>,
    x: OutletId,
    weights: Tensor,
    bias: Option<Tensor>,
    (mask, added): (Option<OutletId>, Option<OutletId>),
) -> TractResult<TVec<OutletId>> {
    ensure!(w.node.int_or("do_rotary", 0) == 0, "rotary embeddings are not supported");
    let [_, columns] = *weights.shape() else { bail!("weights of {:?}", weights.shape()) };
    let sizes: Vec<usize> = match w.node.ints("qkv_hidden_sizes") {
        Some(sizes) if !sizes.is_empty() => {
            sizes.iter().map(|size| usize::try_from(*size)).collect::<Result<_, _>>()?
        }
        _ => vec![columns / 3; 3],
    };
    ensure!(sizes.len() == 3 && sizes.iter().sum::<usize>() == columns, "{columns} columns");
    let mut parts = tvec!();
    let mut start = 0;
    // A product for each: that is what fusing looks for.
    for size in sizes {
        let part = w.scalar("weights", weights.slice(1, start, start + size)?)?;
        let mut out = product(w, x, part, false)?;
        if let Some(bias) = &bias {
            ensure!(bias.shape() == [columns], "a bias of {:?}", bias.shape());
            let bias = w.scalar("bias", bias.slice(0, start, start + size)?)?;
            out = w.binary("biased", Box::new(Add), [out, bias])?;
        }
        parts.push(out);
        start += size;
    }
    let count = w.node.size("num_heads")?;
    attend(w, Heads { count, parts: [parts[0], parts[1], parts[2]], mask, bias: added })
}

fn multi_head_attention(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let packed = w.optional(1).is_none() || w.optional(2).is_none();
    ensure!(!packed, "packed queries, keys and values are not supported");
    ensure!(w.optional(6).is_none(), "past keys and values are not supported");
    let mut parts = [w.input(0)?, w.input(1)?, w.input(2)?];
    if let Some(bias) = w.optional(3) {
        let mut start = 0.to_dim();
        for part in &mut parts {
            let width = w.fact(*part)?.shape.iter().last().cloned().context("a scalar")?;
            let end = start.clone() + width;
            let own = w.wire("bias", Slice::new(0, start, end.clone()), &[bias])?;
            *part = w.binary("biased", Box::new(Add), [*part, own])?;
            start = end;
        }
    }
    let (mask, bias, count) = (w.optional(4), w.optional(5), w.node.size("num_heads")?);
    attend(w, Heads { count, parts, mask, bias })
}

fn attend(w: &mut Wiring<'_>, heads: Heads) -> TractResult<TVec<OutletId>> {
    let Heads { count, parts, mask, bias } = heads;
    ensure!(count > 0, "no heads");
    let mut split = tvec!();
    let mut width = 0;
    for (index, part) in parts.into_iter().enumerate() {
        let shape = w.fact(part)?.shape.to_tvec();
        ensure!(shape.len() == 3, "queries, keys or values of {shape:?}");
        let whole = shape[2].to_usize()?;
        ensure!(whole % count == 0, "{whole} columns for {count} heads");
        if index == 0 {
            width = whole / count;
        }
        let target = [shape[0].clone(), shape[1].clone(), count.to_dim(), (whole / count).to_dim()];
        let part = reshape_to(w, part, &target, true)?[0];
        split.push(w.wire("heads", AxisOp::Move(2, 1), &[part])?);
    }
    let scale = match w.node.float_or("scale", 0.0) {
        0.0 => 1.0 / (width as f32).sqrt(),
        scale => scale,
    };
    let keys = w.wire("keys", AxisOp::Move(2, 3), &[split[1]])?;
    let mut scores = contracted(w, "abmk,abkn->abmn", [split[0], keys])?;
    let scale = w.float("scale", scale)?;
    scores = w.binary("scaled", Box::new(Mul), [scores, scale])?;
    if let Some(bias) = bias {
        scores = w.binary("biased", Box::new(Add), [scores, bias])?;
    }
    if let Some(mask) = mask {
        let counts = unmasked(w, mask, scores)?;
        let mask = summands(w, counts)?;
        scores = w.binary("masked", Box::new(Add), [scores, mask])?;
    }
    if w.node.int_or("unidirectional", 0) != 0 {
        let mask = later(w, scores)?;
        scores = w.binary("causal", Box::new(Add), [scores, mask])?;
    }
    let softmax = Softmax { axes: tvec![3], ..Softmax::default() };
    let weights = w.wire("weights", softmax, &[scores])?;
    let out = contracted(w, "abmk,abkn->abmn", [weights, split[2]])?;
    let out = w.wire("tokens", AxisOp::Move(1, 2), &[out])?;
    let shape = w.fact(out)?.shape.to_tvec();
    let target = [shape[0].clone(), shape[1].clone(), shape[2].clone() * &shape[3]];
    reshape_to(w, out, &target, true)
}

/// Which scores `[B, N, S, T]` count: from a mask `[B, T]` or `[B, S, T]`, from the lengths `[B]`, or from the
/// ends and then the starts `[2 · B]`.
fn unmasked(w: &mut Wiring<'_>, mask: OutletId, scores: OutletId) -> TractResult<OutletId> {
    let rank = w.rank(mask)?;
    let mut counts = match rank {
        1 => within(w, mask, scores)?,
        2 | 3 => {
            let zero = w.scalar("zero", tensor0(0i64))?;
            let zero = w.cast(zero, w.dtype(mask)?)?;
            w.binary("counts", logic::comp_gt(), [mask, zero])?
        }
        rank => bail!("a mask of rank {rank} is not supported"),
    };
    for _ in rank.max(2)..4 {
        counts = w.wire("counts", AxisOp::Add(1), &[counts])?;
    }
    Ok(counts)
}

/// Which tokens `[B, T]` stand before the end of their sequence, and not before its start.
fn within(w: &mut Wiring<'_>, bounds: OutletId, scores: OutletId) -> TractResult<OutletId> {
    let shape = w.fact(scores)?.shape.to_tvec();
    let (rows, both) = (shape[0].clone(), shape[0].clone() * 2);
    let places = sizes(w, [0.to_dim(), shape[3].clone(), 1.to_dim()])?;
    let has_starts = w.fact(bounds)?.shape[0] == both;
    let (mut ends, mut starts) = (bounds, None);
    if has_starts {
        ends = w.wire("ends", Slice::new(0, 0.to_dim(), rows.clone()), &[bounds])?;
        starts = Some(w.wire("starts", Slice::new(0, rows, both), &[bounds])?);
    }
    let ends = column(w, ends)?;
    let before = w.binary("before", logic::comp_lt(), [places, ends])?;
    let Some(starts) = starts else { return Ok(before) };
    let starts = column(w, starts)?;
    let begun = w.binary("begun", logic::comp_gte(), [places, starts])?;
    w.binary("within", Box::new(And), [before, begun])
}

/// A vector of integers as a column of i64.
fn column(w: &mut Wiring<'_>, vector: OutletId) -> TractResult<OutletId> {
    let column = w.wire("column", AxisOp::Add(1), &[vector])?;
    w.cast(column, i64::datum_type())
}

/// What scores of tokens that come later are summed with, `[1, 1, S, T]`.
fn later(w: &mut Wiring<'_>, scores: OutletId) -> TractResult<OutletId> {
    let masked = w.node.float_or("mask_filter_value", MASKED);
    let (masked, diagonal) = (w.float("masked", masked)?, w.scalar("diagonal", tensor0(1i64))?);
    let shape = w.fact(scores)?.shape.to_tvec();
    let all = broadcast(w, masked, shape[2..].into())?[0];
    let mut later = w.wire("later", Trilu { upper: true }, &[all, diagonal])?;
    for _ in 0..2 {
        later = w.wire("later", AxisOp::Add(0), &[later])?;
    }
    Ok(later)
}

/// What scores are summed with: nothing where they count.
fn summands(w: &mut Wiring<'_>, counts: OutletId) -> TractResult<OutletId> {
    let masked = w.node.float_or("mask_filter_value", MASKED);
    let mut branches = tvec!(counts);
    for value in [0.0, masked] {
        let value = Tensor::from_shape(&[1, 1, 1, 1], &[value])?;
        branches.push(w.scalar("summand", value)?);
    }
    w.wire("summands", Iff, &branches)
}

/// The normalized sum of the embeddings of tokens, positions and segments, the number of tokens
/// that a mask lets through, and the sum itself.
fn embed_layer_normalization(w: &mut Wiring<'_>) -> TractResult<TVec<OutletId>> {
    let (ids, words, places) = (w.input(0)?, w.input(2)?, w.input(3)?);
    let shape = w.fact(ids)?.shape.to_tvec();
    let [_, tokens] = &shape[..] else { bail!("token ids of {shape:?}") };
    let looked_up = |w: &mut Wiring<'_>, table: OutletId, ids: OutletId| {
        let ids = w.cast(ids, i64::datum_type())?;
        w.wire("embedded", Gather::new(0), &[table, ids])
    };
    let mut sum = looked_up(w, words, ids)?;
    let positions = match w.optional(8) {
        Some(positions) => looked_up(w, places, positions)?,
        None => w.wire("positions", Slice::new(0, 0.to_dim(), tokens.clone()), &[places])?,
    };
    sum = w.binary("placed", Box::new(Add), [sum, positions])?;
    if let (Some(segments), Some(table)) = (w.optional(1), w.optional(4)) {
        let segments = looked_up(w, table, segments)?;
        sum = w.binary("segmented", Box::new(Add), [sum, segments])?;
    }
    let (gamma, beta) = (w.input(5)?, w.input(6)?);
    let out = normalized(w, sum, 2, (gamma, Some(beta)))?[0];
    let counted = match w.optional(7) {
        Some(mask) => {
            let mask = w.cast(mask, i32::datum_type())?;
            let count = reduced(w, mask, tvec![1], (Reducer::Sum, false))?;
            w.wire("count", AxisOp::Rm(1), &[count])?
        }
        None => {
            let none = w.scalar("none", tensor0(0i32))?;
            broadcast(w, none, tvec![shape[0].clone()])?[0]
        }
    };
    Ok(tvec!(out, counted, sum))
}
