//! The operator for GRU, LSTM and RNN on `pilotlight-kernels`.
//! Used by `import::lower`. Does not know ONNX.

mod cell;

use std::cell::RefCell;

use pilotlight_kernels::{Epilogue, F32Weights, Scratch, Then, Weights, linear};
use tract_core::internal::*;

use self::cell::Gates;
pub(crate) use self::cell::{Activation, Cell, Kind};
use super::floats;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// One direction of a recurrent layer. From what the inputs contribute to the gates, f32
/// `[T, B, gates · H]`, to the states `[T, B, H]`, the last one `[B, H]` and, for LSTM, the last
/// cell `[B, H]`. More inputs, where there are: lengths `[B]` of i64, the first state and the first
/// cell `[B, H]`.
#[derive(Debug, Clone)]
pub(crate) struct Recur {
    pub(crate) cell: Cell,
    /// From the last step to the first.
    pub(crate) reverse: bool,
    pub(crate) hidden: usize,
    /// Steps beyond a row's length are not taken.
    pub(crate) lengths: bool,
    /// The first state is given, and the first cell.
    pub(crate) states: [bool; 2],
    parameters: Arc<Parameters>,
}

#[derive(Debug)]
struct Parameters {
    /// What states contribute to the gates, as products that are computed one after the other.
    products: Vec<Weights>,
    /// Added to the last product of a GRU that resets after it.
    bias: Option<Vec<f32>>,
    /// Of the cell, for input, output and forget gate.
    peepholes: Option<Vec<f32>>,
}

/// Constants of one direction.
pub(crate) struct Constants<'a> {
    /// `[gates · H, H]`
    pub(crate) weights: &'a [f32],
    /// `[H]`, for a GRU that resets after its product.
    pub(crate) bias: Option<Vec<f32>>,
    /// `[3 · H]`
    pub(crate) peepholes: Option<Vec<f32>>,
}

impl Recur {
    pub(crate) fn new(cell: Cell, hidden: usize, constants: Constants<'_>) -> TractResult<Self> {
        let Constants { weights, bias, peepholes } = constants;
        let rows = cell.gates() * hidden;
        ensure!(weights.len() == rows * hidden, "{} recurrent weights", weights.len());
        let fits =
            |values: &Option<Vec<f32>>, size| values.as_ref().is_none_or(|v| v.len() == size);
        ensure!(fits(&bias, hidden) && fits(&peepholes, 3 * hidden), "biases or peepholes");
        let pack = |rows: usize, weights: &[f32]| {
            TractResult::Ok(Weights::F32(F32Weights::pack(rows, hidden, weights)?))
        };
        let products = if cell.resets_before() {
            let (gates, candidate) = weights.split_at(2 * hidden * hidden);
            vec![pack(2 * hidden, gates)?, pack(hidden, candidate)?]
        } else {
            vec![pack(rows, weights)?]
        };
        let parameters = Arc::new(Parameters { products, bias, peepholes });
        let (reverse, lengths, states) = (false, false, [false; 2]);
        Ok(Self { cell, reverse, hidden, lengths, states, parameters })
    }

    fn compute(&self, inputs: &[TValue]) -> TractResult<TVec<TValue>> {
        let mut others = inputs.iter();
        let input = others.next().context("no input")?;
        let [steps, rows, width] = *input.shape() else { bail!("{:?}", input.shape()) };
        ensure!(width == self.cell.gates() * self.hidden, "{width} columns");
        let lengths = match self.lengths {
            true => self.checked_lengths(others.next().context("no lengths")?, steps, rows)?,
            false => vec![steps; rows],
        };
        let area = rows * self.hidden;
        let mut first = |given: bool| -> TractResult<Vec<f32>> {
            if !given {
                return Ok(vec![0.0; area]);
            }
            let state = others.next().context("no first state")?;
            ensure!(state.len() == area, "a first state of {:?}", state.shape());
            Ok(floats(state)?.to_vec())
        };
        let mut state = State { hidden: first(self.states[0])?, cell: first(self.states[1])? };
        let mut out = Tensor::zero::<f32>(&[steps, rows, self.hidden])?;
        let mut view = out.try_as_plain_ram_mut()?;
        SCRATCH.with_borrow_mut(|scratch| {
            let mut run = Run { op: self, scratch, products: Vec::new(), reset: Vec::new() };
            run.all(floats(input)?, &lengths, &mut state, view.as_slice_mut::<f32>()?)
        })?;
        let shape = [rows, self.hidden];
        let mut outputs = tvec!(out.into_tvalue());
        outputs.push(Tensor::from_shape(&shape, &state.hidden)?.into_tvalue());
        if self.cell.is_lstm() {
            outputs.push(Tensor::from_shape(&shape, &state.cell)?.into_tvalue());
        }
        Ok(outputs)
    }

    fn checked_lengths(
        &self,
        lengths: &TValue,
        steps: usize,
        rows: usize,
    ) -> TractResult<Vec<usize>> {
        let lengths = lengths.cast_to::<i64>()?;
        let lengths = lengths.try_as_plain_ram()?.as_slice::<i64>()?.to_vec();
        ensure!(lengths.len() == rows, "{} lengths for {rows} rows", lengths.len());
        let checked = lengths.iter().map(|length| {
            let length = usize::try_from(*length).ok().filter(|length| *length <= steps);
            length.with_context(|| format!("lengths {lengths:?} of {steps} steps"))
        });
        checked.collect()
    }
}

/// `[B, H]` each.
struct State {
    hidden: Vec<f32>,
    cell: Vec<f32>,
}

/// A direction that is computed.
struct Run<'a> {
    op: &'a Recur,
    scratch: &'a mut Scratch,
    /// What the states contribute to the gates, `[B, gates · H]`.
    products: Vec<f32>,
    /// States that a GRU has reset, `[B, H]`.
    reset: Vec<f32>,
}

impl Run<'_> {
    fn all(
        &mut self,
        input: &[f32],
        lengths: &[usize],
        state: &mut State,
        out: &mut [f32],
    ) -> TractResult<()> {
        let (rows, hidden) = (lengths.len(), self.op.hidden);
        let width = self.op.cell.gates() * hidden;
        let steps = lengths.iter().copied().max().unwrap_or(0);
        for step in 0..steps {
            self.multiply(rows, &state.hidden)?;
            // The place in time, which differs between rows from the end on.
            let times: Vec<Option<usize>> = lengths
                .iter()
                .map(|length| {
                    let left = length.checked_sub(step + 1)?;
                    Some(if self.op.reverse { left } else { step })
                })
                .collect();
            if self.op.cell.resets_before() {
                self.reset(input, &times, &state.hidden)?;
            }
            for (row, time) in times.iter().enumerate() {
                let Some(time) = time else { continue };
                let place = time * rows + row;
                let gates = Gates {
                    inputs: &input[place * width..][..width],
                    products: &self.products[row * width..][..width],
                    bias: self.op.parameters.bias.as_deref(),
                    peepholes: self.op.parameters.peepholes.as_deref(),
                };
                let states = row * hidden..(row + 1) * hidden;
                let (h, c) = (&mut state.hidden[states.clone()], &mut state.cell[states]);
                self.op.cell.step(&gates, h, c);
                out[place * hidden..][..hidden].copy_from_slice(h);
            }
        }
        Ok(())
    }

    /// The product of the states with the first weights.
    fn multiply(&mut self, rows: usize, states: &[f32]) -> TractResult<()> {
        let Some(weights) = self.op.parameters.products.first() else { return Ok(()) };
        let width = self.op.cell.gates() * self.op.hidden;
        self.products.resize(rows * width, 0.0);
        if weights.outputs() == width {
            return self.product(0, states, rows).map(|product| self.products = product);
        }
        let product = self.product(0, states, rows)?;
        for (row, product) in self
            .products
            .chunks_exact_mut(width.max(1))
            .zip(product.chunks_exact(weights.outputs().max(1)))
        {
            row[..product.len()].copy_from_slice(product);
        }
        Ok(())
    }

    /// Resets the states, and computes their product with the second weights.
    fn reset(&mut self, input: &[f32], times: &[Option<usize>], states: &[f32]) -> TractResult<()> {
        let (rows, hidden) = (times.len(), self.op.hidden);
        let width = self.op.cell.gates() * hidden;
        self.reset.clear();
        self.reset.extend_from_slice(states);
        for (row, time) in times.iter().enumerate() {
            let Some(time) = time else { continue };
            let inputs = &input[(time * rows + row) * width..][..width];
            let products = &self.products[row * width..][..width];
            self.op.cell.reset(inputs, products, &mut self.reset[row * hidden..][..hidden]);
        }
        let reset = std::mem::take(&mut self.reset);
        let product = self.product(1, &reset, rows)?;
        self.reset = reset;
        let rows = self.products.chunks_exact_mut(width.max(1));
        for (row, product) in rows.zip(product.chunks_exact(hidden.max(1))) {
            row[2 * hidden..].copy_from_slice(product);
        }
        Ok(())
    }

    fn product(&mut self, index: usize, states: &[f32], rows: usize) -> TractResult<Vec<f32>> {
        let weights = self.op.parameters.products.get(index).context("no weights")?;
        let mut out = vec![0.0; rows * weights.outputs()];
        let epilogue = Epilogue { bias: None, then: Then::Store };
        linear(states, rows, weights, &epilogue, self.scratch, &mut out)?;
        Ok(out)
    }
}

impl PartialEq for Recur {
    fn eq(&self, other: &Self) -> bool {
        let key = |op: &Self| (op.reverse, op.hidden, op.lengths, op.states);
        Arc::ptr_eq(&self.parameters, &other.parameters)
            && key(self) == key(other)
            && self.cell == other.cell
    }
}

impl Eq for Recur {}

impl Op for Recur {
    fn name(&self) -> StaticName {
        "Recur".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Recur {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext<'_>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.compute(&inputs)
    }
}

impl TypedOp for Recur {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let shape = inputs.first().context("no input")?.shape.to_tvec();
        let [steps, rows, _] = &shape[..] else { bail!("{shape:?}") };
        let hidden = self.hidden.to_dim();
        let last = f32::fact([rows.clone(), hidden.clone()]);
        let mut facts = tvec!(f32::fact([steps.clone(), rows.clone(), hidden]), last.clone());
        if self.cell.is_lstm() {
            facts.push(last);
        }
        Ok(facts)
    }

    as_op!();
}
