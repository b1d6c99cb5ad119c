//! Finds the attention of one sequence, starting at its softmax: queries, keys and values split into heads, their products,
//! scale and mask, and the joined heads.
//! Used by `fuse`. Does not know names of nodes.

mod mask;

use tract_core::internal::*;
use tract_core::ops::einsum::EinSum;
use tract_core::ops::logic::Iff;
use tract_core::ops::math::{Add, Div, IsNan, Mul};
use tract_core::ops::nn::{Softmax, SoftmaxKind};

use self::mask::Mask;
use super::matching::{binary, both_ways, producer, scalar, sole_user, unary};
use super::replay::Replay;
use crate::operators::{Attend, Heads, Product};

pub(super) fn attention(
    model: &TypedModel,
    node: &TypedNode,
) -> TractResult<Option<TypedModelPatch>> {
    let Some(found) = Found::at(model, node) else { return Ok(None) };
    let mut patch = TypedModelPatch::default();
    let name = &node.name;
    let mut inputs = match stacked(model, found.sources) {
        Some((input, product)) => {
            let input = patch.tap_model(model, input)?;
            patch.wire_node(format!("{name}.projected"), product, &[input])?
        }
        None => patch.taps(model, &found.sources)?,
    };
    let mut op = Attend::new(found.heads, found.scale, inputs.len() == 1);
    if let Some(mask) = &found.mask {
        inputs.push(mask.wire(model, &mut patch, name)?);
        op = op.masked();
    }
    if found.guarded {
        op = op.guarded();
    }
    let fused = patch.wire_node(format!("{name}.attention"), op, &inputs)?[0];
    if !model.outlet_fact(found.output)?.compatible_with(patch.outlet_fact(fused)?) {
        return Ok(None);
    }
    patch.shunt_outside(model, found.output, fused)?;
    Ok(Some(patch))
}

/// An attention in a graph.
struct Found {
    heads: Heads,
    scale: f32,
    mask: Option<Mask>,
    /// Weights that are no numbers become zeros.
    guarded: bool,
    /// Queries, keys and values, `[…, S, H]`.
    sources: [OutletId; 3],
    /// `[…, S, H]`.
    output: OutletId,
}

impl Found {
    fn at(model: &TypedModel, node: &TypedNode) -> Option<Self> {
        let softmax = node.op_as::<Softmax>()?;
        let scores = *node.inputs.first()?;
        let last = model.outlet_fact(scores).ok()?.rank().checked_sub(1)?;
        let plain = softmax.kind == SoftmaxKind::default() && softmax.quant_output_dt.is_none();
        if softmax.axes[..] != [last] || !plain {
            return None;
        }
        let guard = guard(model, node);
        let softmax = guard.unwrap_or(node.id.into());
        let product = sole_user(model, softmax)?;
        let [weights, value] = matmul(model, product)?;
        if weights != softmax {
            return None;
        }
        let scores = Scores::of(model, scores)?;
        let query = Operand::of(model, scores.query)?;
        let heads = query.heads()?;
        let key = Operand::of(model, scores.key).filter(|key| key.holds_columns(heads))?;
        let value = Operand::of(model, value).filter(|value| value.holds_rows(heads))?;
        if !query.holds_rows(heads) || value.scale != 1.0 {
            return None;
        }
        let mask = match scores.mask {
            Some(mask) => mask.check(model, scores.product)?,
            None => None,
        };
        let output = joined(model, product.id.into(), query.source, heads)?;
        let sources = [query.source, key.source, value.source];
        let scale = scores.scale * query.scale * key.scale;
        Some(Self { heads, scale, mask, guarded: guard.is_some(), sources, output })
    }
}

/// Zeros in the place of what is no number in the weights that `softmax` gives, if nothing else uses them.
fn guard(model: &TypedModel, softmax: &TypedNode) -> Option<OutletId> {
    let weights = OutletId::from(softmax.id);
    let [one, other] = model.outlet_successors(weights) else { return None };
    if model.outputs.contains(&weights) {
        return None;
    }
    [(one, other), (other, one)].into_iter().find_map(|(check, choice)| {
        let (check, choice) = (model.node(check.node), model.node(choice.node));
        unary::<IsNan>(check)?;
        sole_user(model, check.id.into())?;
        choice.op_as::<Iff>()?;
        let [condition, zero, kept] = <[OutletId; 3]>::try_from(&choice.inputs[..]).ok()?;
        let fits = condition == check.id.into() && kept == weights;
        (fits && scalar(model, zero) == Some(0.0)).then(|| choice.id.into())
    })
}

/// The operands of a matrix product over the last two axes, the others alike.
fn matmul(model: &TypedModel, node: &TypedNode) -> Option<[OutletId; 2]> {
    let op = node.op_as::<EinSum>()?;
    let operands = <[OutletId; 2]>::try_from(&node.inputs[..]).ok()?;
    let (row, last) = {
        let rank = model.outlet_fact(node.id.into()).ok()?.rank();
        (rank.checked_sub(2)?, rank - 1)
    };
    let plain = op.q_params.is_none() && op.operating_dt == f32::datum_type();
    let fits = op.axes.iter_all_axes().all(|axis| {
        match (&axis.inputs[0][..], &axis.inputs[1][..], &axis.outputs[0][..]) {
            ([a], [b], [out]) => a == b && b == out && *a < row,
            ([a], [], [out]) => *a == row && *out == row,
            ([a], [b], []) => *a == last && *b == row,
            ([], [b], [out]) => *b == last && *out == last,
            _ => false,
        }
    });
    (plain && fits).then_some(operands)
}

/// What a softmax is taken of.
struct Scores {
    query: OutletId,
    key: OutletId,
    /// The product of the two.
    product: OutletId,
    scale: f32,
    mask: Option<Mask>,
}

impl Scores {
    fn of(model: &TypedModel, outlet: OutletId) -> Option<Self> {
        let node = producer(model, outlet);
        if let Some([query, key]) = matmul(model, node) {
            return Some(Self { query, key, product: outlet, scale: 1.0, mask: None });
        }
        if let Some((inner, factor)) = scaled(model, node) {
            // A mask would be scaled, too.
            let scores = Self::of(model, inner).filter(|scores| scores.mask.is_none())?;
            return Some(Self { scale: scores.scale * factor, ..scores });
        }
        let (inner, mask) = match binary::<Add>(node) {
            Some(summands) => both_ways(summands).into_iter().find_map(|[inner, summand]| {
                Some((Self::of(model, inner)?, Mask::Added(summand)))
            })?,
            None => {
                let (inner, mask) = Mask::chosen(model, node)?;
                (Self::of(model, inner)?, mask)
            }
        };
        inner.mask.is_none().then_some(Self { mask: Some(mask), ..inner })
    }
}

/// A value times a constant.
fn scaled(model: &TypedModel, node: &TypedNode) -> Option<(OutletId, f32)> {
    if let Some([value, divisor]) = binary::<Div>(node) {
        return Some((value, 1.0 / scalar(model, divisor)?));
    }
    let ways = both_ways(binary::<Mul>(node)?);
    ways.into_iter().find_map(|[value, factor]| Some((value, scalar(model, factor)?)))
}

/// Rows of queries, keys or values split into heads.
struct Operand {
    source: OutletId,
    scale: f32,
    replay: Replay,
}

impl Operand {
    /// Goes back to where the heads were still side by side.
    fn of(model: &TypedModel, outlet: OutletId) -> Option<Self> {
        let (mut source, mut scale, mut steps) = (outlet, 1.0, vec![]);
        loop {
            let node = producer(model, source);
            if let Some(op) = node.op_as::<AxisOp>() {
                steps.push(op);
                source = *node.inputs.first()?;
            } else if let Some((value, factor)) = scaled(model, node) {
                scale *= factor;
                source = value;
            } else {
                break;
            }
        }
        let fact = model.outlet_fact(source).ok()?;
        let float = fact.datum_type == f32::datum_type();
        let mut replay = Replay::of(fact).ok()?.filter(|_| float)?;
        steps.into_iter().rev().try_for_each(|op| replay.step(op)).ok()?;
        Some(Self { source, scale, replay })
    }

    /// Those of queries.
    fn heads(&self) -> Option<Heads> {
        let [heads @ .., _, width] = self.replay.shape() else { return None };
        Some(Heads { count: heads.iter().product(), width: *width })
    }

    /// Whether it is `[heads, tokens, width]`.
    fn holds_rows(&self, heads: Heads) -> bool {
        let tokens = self.replay.tokens();
        self.replay.ends_as((0..heads.count).flat_map(|head| {
            (0..tokens).flat_map(move |token| {
                (0..heads.width).map(move |column| place(heads, head, token, column))
            })
        }))
    }

    /// Whether it is `[heads, width, tokens]`.
    fn holds_columns(&self, heads: Heads) -> bool {
        let tokens = self.replay.tokens();
        self.replay.ends_as((0..heads.count).flat_map(|head| {
            (0..heads.width).flat_map(move |column| {
                (0..tokens).map(move |token| place(heads, head, token, column))
            })
        }))
    }
}

/// Where `[tokens, heads · width]` has an element.
fn place(heads: Heads, head: usize, token: usize, column: usize) -> usize {
    (token * heads.count + head) * heads.width + column
}

/// Where the heads of `outlet` are side by side again, in the shape of `source`.
fn joined(
    model: &TypedModel,
    outlet: OutletId,
    source: OutletId,
    heads: Heads,
) -> Option<OutletId> {
    let source = model.outlet_fact(source).ok()?;
    let split = &model.outlet_fact(outlet).ok()?.shape;
    let mut replay = Replay::of(source).ok()??.split(heads, split).ok()?;
    let mut outlet = outlet;
    let places = 0..replay.len();
    loop {
        let fact = model.outlet_fact(outlet).ok()?;
        if fact.shape == source.shape && replay.ends_as(places.clone()) {
            return Some(outlet);
        }
        let user = sole_user(model, outlet)?;
        replay.step(user.op_as::<AxisOp>()?).ok()?;
        outlet = user.id.into();
    }
}

/// The products that queries, keys and values come from as one, and its input.
fn stacked(model: &TypedModel, sources: [OutletId; 3]) -> Option<(OutletId, Product)> {
    let nodes = sources.map(|source| producer(model, source));
    let input = *nodes[0].inputs.first()?;
    if nodes.iter().any(|node| node.inputs[..] != [input]) {
        return None;
    }
    let [query, key, value] = nodes.map(|node| node.op_as::<Product>());
    Some((input, Product::stacked([query?, key?, value?])?))
}
