use tract_core::internal::*;

use super::floats;
use super::window::{AXES, PADDING, Taps, Window};

/// The largest or the mean element of each window on f32 `[N, C, …]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pool {
    pub(crate) window: Window,
    pub(crate) of: Pooled,
}

/// What is taken of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pooled {
    /// The largest element.
    Max,
    /// The mean; padding counts as zeros, or does not count.
    Mean {
        /// It counts.
        padding: bool,
    },
}

impl Pool {
    fn compute(&self, input: &TValue) -> TractResult<Tensor> {
        let count_padding = self.of == Pooled::Mean { padding: true };
        let taps = self.window.taps(input.shape(), count_padding)?;
        let mut shape: TVec<usize> = input.shape().into();
        let spatial = shape.len() - 2;
        for (size, taps) in shape[2..].iter_mut().zip(&taps[AXES - spatial..]) {
            *size = taps.windows;
        }
        let mut out = Tensor::zero_dt(f32::datum_type(), &shape)?;
        let mut view = out.try_as_plain_ram_mut()?;
        let (x, values) = (floats(input)?, view.as_slice_mut::<f32>()?);
        let volume: usize = taps.iter().map(|taps| taps.input).product();
        let positions: usize = taps.iter().map(|taps| taps.windows).product();
        let planes = x.chunks_exact(volume.max(1));
        for (input, out) in planes.zip(values.chunks_exact_mut(positions.max(1))) {
            for (position, out) in out.iter_mut().enumerate() {
                *out = self.window(input, position, &taps);
            }
        }
        Ok(out)
    }

    fn window(&self, input: &[f32], position: usize, taps: &[Taps; AXES]) -> f32 {
        let [z, y, x] = taps;
        let (line, place) = (position / x.windows, position % x.windows);
        let (plane, line) = (line / y.windows, line % y.windows);
        let (mut most, mut sum) = (f32::NEG_INFINITY, 0.0);
        for at_z in z.of(plane).iter().filter(|place| **place != PADDING) {
            for at_y in y.of(line).iter().filter(|place| **place != PADDING) {
                let input = &input[(*at_z as usize * y.input + *at_y as usize) * x.input..];
                for at_x in x.of(place).iter().filter(|place| **place != PADDING) {
                    let value = input[*at_x as usize];
                    most = most.max(value);
                    sum += value;
                }
            }
        }
        match self.of {
            Pooled::Max => most,
            Pooled::Mean { .. } => {
                sum / (z.counts[plane] * y.counts[line] * x.counts[place]) as f32
            }
        }
    }
}

impl Op for Pool {
    fn name(&self) -> StaticName {
        "Pool".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Pool {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext<'_>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = inputs.first().context("no input")?;
        Ok(tvec!(self.compute(input)?.into_tvalue()))
    }
}

impl TypedOp for Pool {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let input = inputs.first().context("no input")?;
        Ok(tvec!(f32::fact(self.window.output(&input.shape.to_tvec())?)))
    }

    as_op!();
}
