//! One step of one row.

/// A function of gates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Activation {
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// tanh
    Tanh,
    /// `max(0, x)`
    Relu,
    /// `min(1, max(0, alpha · x + beta))`
    HardSigmoid {
        /// Slope.
        alpha: f32,
        /// Value at 0.
        beta: f32,
    },
}

impl Activation {
    fn of(self, x: f32) -> f32 {
        match self {
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Tanh => x.tanh(),
            Self::Relu => x.max(0.0),
            Self::HardSigmoid { alpha, beta } => (alpha * x + beta).clamp(0.0, 1.0),
        }
    }
}

/// A recurrent layer: its kind, activations and limit of gates.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    pub(crate) kind: Kind,
    /// In the order of ONNX; the last ones are not used by all.
    pub(crate) activations: [Activation; 3],
    /// What the activations are applied to stays within -clip..=clip.
    pub(crate) clip: Option<f32>,
}

/// The kinds of recurrent layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `RNN`
    Simple,
    /// `GRU`, gates update, reset, candidate.
    Gru {
        /// The reset gate is applied after the product with the recurrent weights.
        reset_after: bool,
    },
    /// `LSTM`, gates input, output, forget, candidate.
    Lstm {
        /// The forget gate is what the input gate leaves.
        coupled: bool,
    },
}

/// What the gates of a row are made from.
pub(super) struct Gates<'a> {
    pub(super) inputs: &'a [f32],
    pub(super) products: &'a [f32],
    pub(super) bias: Option<&'a [f32]>,
    pub(super) peepholes: Option<&'a [f32]>,
}

impl Cell {
    pub(crate) fn gates(&self) -> usize {
        match self.kind {
            Kind::Simple => 1,
            Kind::Gru { .. } => 3,
            Kind::Lstm { .. } => 4,
        }
    }

    pub(super) fn is_lstm(&self) -> bool {
        matches!(self.kind, Kind::Lstm { .. })
    }

    /// A GRU that resets states before the product with its last weights.
    pub(super) fn resets_before(&self) -> bool {
        self.kind == Kind::Gru { reset_after: false }
    }

    fn gate(&self, activation: usize, x: f32) -> f32 {
        let x = self.clip.map_or(x, |clip| x.clamp(-clip, clip));
        self.activations[activation].of(x)
    }

    /// Resets the state of a row.
    pub(super) fn reset(&self, inputs: &[f32], products: &[f32], state: &mut [f32]) {
        let hidden = state.len();
        for (unit, state) in state.iter_mut().enumerate() {
            *state *= self.gate(0, inputs[hidden + unit] + products[hidden + unit]);
        }
    }

    /// The next state and cell of a row.
    pub(super) fn step(&self, gates: &Gates<'_>, state: &mut [f32], cell: &mut [f32]) {
        let hidden = state.len();
        for unit in 0..hidden {
            let sum = |gate: usize| {
                gates.inputs[gate * hidden + unit] + gates.products[gate * hidden + unit]
            };
            match self.kind {
                Kind::Simple => state[unit] = self.gate(0, sum(0)),
                Kind::Gru { reset_after } => {
                    let candidate = if reset_after {
                        let bias = gates.bias.map_or(0.0, |bias| bias[unit]);
                        let product = gates.products[2 * hidden + unit] + bias;
                        gates.inputs[2 * hidden + unit] + self.gate(0, sum(1)) * product
                    } else {
                        sum(2)
                    };
                    let (update, candidate) = (self.gate(0, sum(0)), self.gate(1, candidate));
                    state[unit] = (1.0 - update) * candidate + update * state[unit];
                }
                Kind::Lstm { coupled } => {
                    let peephole = |gate: usize, cell: f32| {
                        gates.peepholes.map_or(0.0, |all| all[gate * hidden + unit] * cell)
                    };
                    let before = cell[unit];
                    let input = self.gate(0, sum(0) + peephole(0, before));
                    let forget = if coupled {
                        1.0 - input
                    } else {
                        self.gate(0, sum(2) + peephole(2, before))
                    };
                    let after = forget * before + input * self.gate(1, sum(3));
                    let output = self.gate(0, sum(1) + peephole(1, after));
                    cell[unit] = after;
                    state[unit] = output * self.activations[2].of(after);
                }
            }
        }
    }
}
