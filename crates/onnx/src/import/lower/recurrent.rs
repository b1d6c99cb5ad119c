//! `RNN`, `GRU` and `LSTM`.

use tract_core::internal::*;
use tract_core::ops::array::{Slice, TypedConcat};
use tract_core::ops::math::Add;

use super::linear::product;
use super::{Lower, Wiring};
use crate::operators::{Activation, Cell, Constants, Kind, Recur};

pub(super) fn lowering(operator: &str) -> Option<Lower> {
    Some(match operator {
        "RNN" => |w| layer(w, Kind::Simple),
        "GRU" => |w| {
            let reset_after = w.node.int_or("linear_before_reset", 0) != 0;
            layer(w, Kind::Gru { reset_after })
        },
        "LSTM" => |w| {
            let coupled = w.node.int_or("input_forget", 0) != 0;
            layer(w, Kind::Lstm { coupled })
        },
        _ => return None,
    })
}

/// The constants of all directions.
struct Layer {
    kind: Kind,
    hidden: usize,
    /// Gates together.
    width: usize,
    columns: usize,
    weights: Vec<f32>,
    recurrent: Vec<f32>,
    biases: Option<Vec<f32>>,
    peepholes: Option<Vec<f32>>,
}

fn layer(w: &mut Wiring<'_>, kind: Kind) -> TractResult<TVec<OutletId>> {
    let batch_first = w.node.int_or("layout", 0) != 0;
    let reverse: &[bool] = match w.node.string("direction") {
        None | Some(b"forward") => &[false],
        Some(b"reverse") => &[true],
        Some(b"bidirectional") => &[false, true],
        _ => bail!("the direction is not known"),
    };
    let layer = Layer::new(w, kind, reverse.len())?;
    let input = w.input(0)?;
    let mut input = w.cast(input, f32::datum_type())?;
    ensure!(w.rank(input)? == 3, "inputs of rank {}", w.rank(input)?);
    if batch_first {
        input = w.wire("steps", AxisOp::Move(0, 1), &[input])?;
    }
    let mut parts: Vec<TVec<OutletId>> = Vec::new();
    for (direction, reverse) in reverse.iter().enumerate() {
        let states = [
            first_state(w, 5, direction, batch_first)?,
            match kind {
                Kind::Lstm { .. } => first_state(w, 6, direction, batch_first)?,
                _ => None,
            },
        ];
        parts.push(layer.direct(w, input, (direction, *reverse), states)?);
    }
    let mut outputs = tvec!();
    for slot in 0..parts[0].len() {
        // The directions are an axis of their own, before the batch.
        let axis = usize::from(slot == 0);
        let mut together = tvec!();
        for part in &parts {
            together.push(w.wire("direction", AxisOp::Add(axis), &[part[slot]])?);
        }
        let mut out = together[0];
        if together.len() > 1 {
            out = w.wire("directions", TypedConcat::new(axis), &together)?;
        }
        if batch_first {
            out = w.wire("rows", AxisOp::Move(axis + 1, 0), &[out])?;
        }
        outputs.push(out);
    }
    Ok(outputs)
}

/// A direction's part of the first states `[directions, B, H]`.
fn first_state(
    w: &mut Wiring<'_>,
    index: usize,
    direction: usize,
    batch_first: bool,
) -> TractResult<Option<OutletId>> {
    let Some(states) = w.optional(index) else { return Ok(None) };
    let axis = usize::from(batch_first);
    let states = w.cast(states, f32::datum_type())?;
    ensure!(w.rank(states)? == 3, "first states of rank {}", w.rank(states)?);
    let state = w.wire("state", Slice::new(axis, direction, direction + 1), &[states])?;
    Ok(Some(w.wire("state", AxisOp::Rm(axis), &[state])?))
}

impl Layer {
    fn new(w: &Wiring<'_>, kind: Kind, directions: usize) -> TractResult<Self> {
        let cell_gates = match kind {
            Kind::Simple => 1,
            Kind::Gru { .. } => 3,
            Kind::Lstm { .. } => 4,
        };
        let (weights, recurrent) = (w.constant(1)?, w.constant(2)?);
        let [_, width, hidden] = *recurrent.shape() else { bail!("recurrent weights") };
        let [_, _, columns] = *weights.shape() else { bail!("weights of {:?}", weights.shape()) };
        let floats = |index: usize| match w.known(index)? {
            Some(values) => w.floats_of(&values).map(Some),
            None if w.optional(index).is_some() => bail!("input {index} is not a constant"),
            None => TractResult::Ok(None),
        };
        let peepholes = if matches!(kind, Kind::Lstm { .. }) { floats(7)? } else { None };
        let (weights, recurrent) = (w.floats_of(&weights)?, w.floats_of(&recurrent)?);
        let layer = Self {
            kind,
            hidden,
            width,
            columns,
            weights,
            recurrent,
            biases: floats(3)?,
            peepholes,
        };
        let sizes = [
            (layer.width, cell_gates * hidden),
            (layer.weights.len(), directions * width * columns),
            (layer.recurrent.len(), directions * width * hidden),
            (
                layer.biases.as_ref().map_or(0, Vec::len),
                match layer.biases {
                    Some(_) => directions * 2 * width,
                    None => 0,
                },
            ),
            (
                layer.peepholes.as_ref().map_or(0, Vec::len),
                match layer.peepholes {
                    Some(_) => directions * 3 * hidden,
                    None => 0,
                },
            ),
        ];
        ensure!(sizes.iter().all(|(found, expected)| found == expected), "weights do not fit");
        Ok(layer)
    }

    /// One direction, from `[T, B, columns]`.
    fn direct(
        &self,
        w: &mut Wiring<'_>,
        input: OutletId,
        (direction, reverse): (usize, bool),
        states: [Option<OutletId>; 2],
    ) -> TractResult<TVec<OutletId>> {
        let part = |values: &[f32], size: usize| values[direction * size..][..size].to_vec();
        let weights = part(&self.weights, self.width * self.columns);
        let weights = Tensor::from_shape(&[self.width, self.columns], &weights)?;
        let weights = w.scalar("weights", weights)?;
        let mut inputs = product(w, input, weights, true)?;
        let mut inner = None;
        if let Some(biases) = &self.biases {
            let biases = part(biases, 2 * self.width);
            let (of_inputs, of_states) = biases.split_at(self.width);
            let mut sums: Vec<f32> = of_inputs.iter().zip(of_states).map(|(a, b)| a + b).collect();
            if self.kind == (Kind::Gru { reset_after: true }) {
                // That of the states is added before the reset.
                let last = 2 * self.hidden;
                sums[last..].copy_from_slice(&of_inputs[last..]);
                inner = Some(of_states[last..].to_vec());
            }
            let bias = w.scalar("bias", tensor1(&sums))?;
            inputs = w.binary("biased", Box::new(Add), [inputs, bias])?;
        }
        let recurrent = part(&self.recurrent, self.width * self.hidden);
        let peepholes = self.peepholes.as_ref().map(|all| part(all, 3 * self.hidden));
        let constants = Constants { weights: &recurrent, bias: inner, peepholes };
        let mut op = Recur::new(cell(w, self.kind, direction)?, self.hidden, constants)?;
        (op.reverse, op.states) = (reverse, states.map(|state| state.is_some()));
        let mut inputs = tvec!(inputs);
        if let Some(lengths) = w.optional(4) {
            inputs.push(w.cast(lengths, i64::datum_type())?);
            op.lengths = true;
        }
        inputs.extend(states.into_iter().flatten());
        w.wire_all("layer", op, &inputs)
    }
}

fn cell(w: &Wiring<'_>, kind: Kind, direction: usize) -> TractResult<Cell> {
    let clip = w.node.has("clip").then(|| w.node.float_or("clip", 0.0));
    ensure!(clip.is_none_or(|clip| clip >= 0.0), "clip is {clip:?}");
    let (mut activations, count) = match kind {
        Kind::Simple => ([Activation::Tanh; 3], 1),
        Kind::Gru { .. } => ([Activation::Sigmoid, Activation::Tanh, Activation::Tanh], 2),
        Kind::Lstm { .. } => ([Activation::Sigmoid, Activation::Tanh, Activation::Tanh], 3),
    };
    let Some(names) = w.node.strings("activations") else {
        return Ok(Cell { kind, activations, clip });
    };
    let parameter =
        |name: &str, used: usize| w.node.floats(name).and_then(|values| values.get(used).copied());
    let mut used = 0;
    for (place, name) in names.iter().take((direction + 1) * count).enumerate() {
        let activation = match &name.to_ascii_lowercase()[..] {
            b"sigmoid" => Activation::Sigmoid,
            b"tanh" => Activation::Tanh,
            b"relu" => Activation::Relu,
            b"hardsigmoid" => {
                let alpha = parameter("activation_alpha", used).unwrap_or(0.2);
                let beta = parameter("activation_beta", used).unwrap_or(0.5);
                used += 1;
                Activation::HardSigmoid { alpha, beta }
            }
            _ => bail!("activation {} is not supported", String::from_utf8_lossy(name)),
        };
        if let Some(place) = place.checked_sub(direction * count) {
            activations[place] = activation;
        }
    }
    Ok(Cell { kind, activations, clip })
}
