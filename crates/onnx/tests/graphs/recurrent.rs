//! Recurrent layers, against a scalar reference of ONNX's equations.

use bytes::Bytes;
use pilotlight_onnx::proto::{AttributeProto, GraphProto, NodeProto};
use pilotlight_onnx::{Precision, fuse, import, rows_are_independent};
use proptest::prelude::*;
use tract_core::internal::*;
use tract_core::plan::SimplePlan;

use crate::support::{floats, floats_of, int, largest_difference, model, node, noise, value};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Rnn,
    Gru { reset_after: bool },
    Lstm,
}

#[derive(Debug, Clone)]
struct Layer {
    kind: Kind,
    /// Forward, reverse, both.
    direction: usize,
    steps: usize,
    rows: usize,
    columns: usize,
    hidden: usize,
    lengths: Option<Vec<usize>>,
    biases: bool,
    states: bool,
    peepholes: bool,
    seed: u64,
}

impl Layer {
    fn gates(&self) -> usize {
        match self.kind {
            Kind::Rnn => 1,
            Kind::Gru { .. } => 3,
            Kind::Lstm => 4,
        }
    }

    fn directions(&self) -> usize {
        if self.direction == 2 { 2 } else { 1 }
    }

    /// The values of an input, by its number.
    fn values(&self, index: usize) -> Option<(Vec<usize>, Vec<f32>)> {
        let (d, g, h) = (self.directions(), self.gates(), self.hidden);
        let lstm = self.kind == Kind::Lstm;
        let shape = match index {
            0 => vec![self.steps, self.rows, self.columns],
            1 => vec![d, g * h, self.columns],
            2 => vec![d, g * h, h],
            3 if self.biases => vec![d, 2 * g * h],
            5 if self.states => vec![d, self.rows, h],
            6 if self.states && lstm => vec![d, self.rows, h],
            7 if self.peepholes && lstm => vec![d, 3 * h],
            _ => return None,
        };
        let values = noise(shape.iter().product(), self.seed ^ (index as u64) << 32);
        Some((shape, values))
    }

    fn length(&self, row: usize) -> usize {
        self.lengths.as_ref().map_or(self.steps, |lengths| lengths[row])
    }

    /// States of all steps, the last ones, the last cells.
    fn expected(&self) -> [Vec<f32>; 3] {
        let (d, h, rows) = (self.directions(), self.hidden, self.rows);
        let mut all = vec![0.0; self.steps * d * rows * h];
        let mut last = [vec![0.0; d * rows * h], vec![0.0; d * rows * h]];
        for direction in 0..d {
            let reverse = self.direction == 1 || direction == 1;
            for row in 0..rows {
                let place = (direction * rows + row) * h..(direction * rows + row + 1) * h;
                let first = |index: usize| match self.values(index) {
                    Some((_, values)) => values[place.clone()].to_vec(),
                    None => vec![0.0; h],
                };
                let (mut state, mut cell) = (first(5), first(6));
                for step in 0..self.length(row) {
                    let time = if reverse { self.length(row) - 1 - step } else { step };
                    self.step(direction, (time, row), &mut state, &mut cell);
                    all[((time * d + direction) * rows + row) * h..][..h].copy_from_slice(&state);
                }
                last[0][place.clone()].copy_from_slice(&state);
                last[1][place].copy_from_slice(&cell);
            }
        }
        let [states, cells] = last;
        [all, states, cells]
    }

    fn step(&self, direction: usize, at: (usize, usize), state: &mut [f32], cell: &mut [f32]) {
        let (h, width) = (self.hidden, self.gates() * self.hidden);
        let part = |index: usize, size: usize| match self.values(index) {
            Some((_, values)) => values[direction * size..][..size].to_vec(),
            None => vec![0.0; size],
        };
        let (w, r) = (part(1, width * self.columns), part(2, width * h));
        let (bias, p) = (part(3, 2 * width), part(7, 3 * h));
        let x = self.values(0).unwrap().1;
        let x = &x[(at.0 * self.rows + at.1) * self.columns..][..self.columns];
        let dot = |weights: &[f32], gate: usize, values: &[f32]| -> f32 {
            weights[gate * values.len()..].iter().zip(values).map(|(a, b)| a * b).sum()
        };
        let of_input = |gate: usize| dot(&w, gate, x) + bias[gate];
        let of_state = |gate: usize, state: &[f32]| dot(&r, gate, state) + bias[width + gate];
        let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
        let before = state.to_vec();
        match self.kind {
            Kind::Rnn => {
                (0..h).for_each(|u| state[u] = (of_input(u) + of_state(u, &before)).tanh());
            }
            Kind::Gru { reset_after } => {
                let gate = |g: usize, u: usize| {
                    sigmoid(of_input(g * h + u) + of_state(g * h + u, &before))
                };
                let reset: Vec<f32> = (0..h).map(|u| gate(1, u) * before[u]).collect();
                for u in 0..h {
                    let candidate = if reset_after {
                        of_input(2 * h + u) + gate(1, u) * of_state(2 * h + u, &before)
                    } else {
                        of_input(2 * h + u) + of_state(2 * h + u, &reset)
                    };
                    state[u] = (1.0 - gate(0, u)) * candidate.tanh() + gate(0, u) * before[u];
                }
            }
            Kind::Lstm => {
                for u in 0..h {
                    let sum = |g: usize| of_input(g * h + u) + of_state(g * h + u, &before);
                    let input = sigmoid(sum(0) + p[u] * cell[u]);
                    let forget = sigmoid(sum(2) + p[2 * h + u] * cell[u]);
                    let after = forget * cell[u] + input * sum(3).tanh();
                    cell[u] = after;
                    state[u] = sigmoid(sum(1) + p[h + u] * after) * after.tanh();
                }
            }
        }
    }

    fn node(&self) -> NodeProto {
        let names = ["x", "w", "r", "b", "lengths", "h", "c", "p"];
        let given =
            |index: usize| self.values(index).is_some() || index == 4 && self.lengths.is_some();
        let inputs = (0..8).map(|index| if given(index) { names[index] } else { "" });
        let operator = match self.kind {
            Kind::Rnn => "RNN",
            Kind::Gru { .. } => "GRU",
            Kind::Lstm => "LSTM",
        };
        let direction = AttributeProto {
            name: "direction".into(),
            s: Bytes::from_static([&b"forward"[..], b"reverse", b"bidirectional"][self.direction]),
            r#type: 3,
            ..Default::default()
        };
        let reset_after = self.kind == Kind::Gru { reset_after: true };
        let outputs: &[&str] =
            if self.kind == Kind::Lstm { &["y", "yh", "yc"] } else { &["y", "yh"] };
        NodeProto {
            attribute: vec![
                direction,
                int("hidden_size", self.hidden as i64),
                int("linear_before_reset", reset_after.into()),
            ],
            output: outputs.iter().map(|name| (*name).to_owned()).collect(),
            ..node(operator, &inputs.collect::<Vec<_>>(), "y")
        }
    }

    /// With a batch of any size, and steps of any number.
    fn graph(&self) -> GraphProto {
        let node = self.node();
        let constants =
            [(1, "w"), (2, "r"), (3, "b"), (7, "p")].into_iter().filter_map(|(index, name)| {
                let (shape, values) = self.values(index)?;
                let shape: Vec<i64> = shape.iter().map(|size| *size as i64).collect();
                Some(floats(name, &shape, &values))
            });
        let columns = self.columns.to_string();
        let mut input = vec![value("x", 1, &["t", "n", &columns])];
        if self.lengths.is_some() {
            input.push(value("lengths", 6, &["n"]));
        }
        let (d, h) = (self.directions().to_string(), self.hidden.to_string());
        for (index, name) in [(5, "h"), (6, "c")] {
            if self.values(index).is_some() {
                input.push(value(name, 1, &[&d, "n", &h]));
            }
        }
        let output = node.output.iter().map(|name| value(name, 1, &[])).collect();
        GraphProto {
            initializer: constants.collect(),
            node: vec![node],
            input,
            output,
            ..Default::default()
        }
    }

    fn found(&self, fused: bool) -> Vec<Vec<f32>> {
        let mut imported = import(model(self.graph())).unwrap();
        if fused {
            fuse(&mut imported.model, Precision::F32).unwrap();
        }
        let tensor = |index: usize| {
            let (shape, values) = self.values(index)?;
            Some(Tensor::from_shape(&shape, &values).unwrap().into_tvalue())
        };
        let lengths = self.lengths.as_ref().map(|lengths| {
            let lengths: Vec<i32> = lengths.iter().map(|length| *length as i32).collect();
            tensor1(&lengths).into_tvalue()
        });
        let values = [tensor(0), lengths, tensor(5), tensor(6)].into_iter().flatten().collect();
        let plan = SimplePlan::new(imported.model.into_optimized().unwrap()).unwrap();
        plan.run(values).unwrap().into_iter().map(|out| floats_of(&out.into_tensor())).collect()
    }
}

fn layer() -> impl Strategy<Value = Layer> {
    let kind = prop_oneof![
        Just(Kind::Rnn),
        any::<bool>().prop_map(|reset_after| Kind::Gru { reset_after }),
        Just(Kind::Lstm),
    ];
    let sizes = (1..6usize, 1..4usize, 1..5usize, 1..9usize);
    let options = (any::<bool>(), any::<bool>(), any::<bool>(), any::<u64>());
    let lengths = prop::option::of(prop::collection::vec(0..6usize, 3));
    (kind, 0..3usize, sizes, lengths, options).prop_map(
        |(kind, direction, (steps, rows, columns, hidden), lengths, options)| {
            let (biases, states, peepholes, seed) = options;
            let within =
                |lengths: Vec<usize>| lengths[..rows].iter().map(|l| *l.min(&steps)).collect();
            let lengths = lengths.map(within);
            Layer {
                kind,
                direction,
                steps,
                rows,
                columns,
                hidden,
                lengths,
                biases,
                states,
                peepholes,
                seed,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn layers_compute_what_their_equations_say(layer in layer()) {
        let expected = layer.expected();
        for fused in [false, true] {
            for (found, expected) in layer.found(fused).iter().zip(&expected) {
                let difference = largest_difference(found, expected);
                prop_assert!(difference < 1e-4, "{difference}");
            }
        }
    }
}

#[test]
fn rows_of_recurrent_layers_are_independent_where_the_batch_comes_first() {
    let layer = Layer {
        kind: Kind::Gru { reset_after: true },
        direction: 2,
        steps: 4,
        rows: 2,
        columns: 3,
        hidden: 2,
        lengths: Some(vec![4, 2]),
        biases: true,
        states: false,
        peepholes: false,
        seed: 5,
    };
    let mut graph = layer.graph();
    let perm = |values: &[i64]| AttributeProto {
        name: "perm".into(),
        ints: values.to_vec(),
        r#type: 7,
        ..Default::default()
    };
    graph.input[0] = value("rows", 1, &["n", "t", "3"]);
    graph.node.insert(
        0,
        NodeProto { attribute: vec![perm(&[1, 0, 2])], ..node("Transpose", &["rows"], "x") },
    );
    graph.node.push(NodeProto {
        attribute: vec![perm(&[2, 0, 1, 3])],
        ..node("Transpose", &["y"], "out")
    });
    graph.output = vec![value("out", 1, &[])];
    assert_eq!(rows_are_independent(model(graph.clone())), Ok(()));
    // Steps in the place of rows.
    graph.node[0] = node("Identity", &["rows"], "x");
    assert!(rows_are_independent(model(graph)).is_err());
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    let layer = Layer {
        kind: Kind::Lstm,
        direction: 0,
        steps: 2,
        rows: 1,
        columns: 3,
        hidden: 2,
        lengths: None,
        biases: true,
        states: true,
        peepholes: true,
        seed: 1,
    };
    let refusal = |spoil: &dyn Fn(&mut GraphProto)| {
        let mut graph = layer.graph();
        spoil(&mut graph);
        import(model(graph)).err().unwrap().to_string()
    };
    for index in 0..4 {
        let reason = refusal(&|graph| {
            let count = graph.initializer[index].raw_data.len() / 4 - 1;
            let name = graph.initializer[index].name.clone();
            graph.initializer[index] = floats(&name, &[1, 1, count as i64], &vec![0.5; count]);
        });
        assert!(reason.contains("LSTM"), "{reason}");
    }
    let reason = refusal(&|graph| {
        graph.node[0].attribute.push(AttributeProto {
            name: "activations".into(),
            strings: vec![Bytes::from_static(b"Affine")],
            r#type: 8,
            ..Default::default()
        });
    });
    assert!(reason.contains("activation Affine is not supported"), "{reason}");
}
