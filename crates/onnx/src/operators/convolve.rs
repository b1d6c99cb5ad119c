use std::cell::RefCell;

use pilotlight_kernels::{Epilogue, F32Weights, Scratch, Then, Weights, linear};
use tract_core::internal::*;

use super::floats;
use super::window::{AXES, PADDING, Taps, Window};

/// Output positions whose patches are gathered at once.
const CHUNK: usize = 64;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Convolution of f32 `[N, C, …]` to `[N, M, …]`. A second input has the weights `[M, C / groups,
/// …]` where they are not constant.
#[derive(Debug, Clone)]
pub(crate) struct Convolve {
    window: Window,
    groups: usize,
    outputs: usize,
    filters: Option<Arc<Filters>>,
    bias: Option<Arc<Vec<f32>>>,
}

/// Weights, as they are used.
#[derive(Debug)]
enum Filters {
    /// One input for each output: `[M, taps]`.
    Depthwise(Vec<f32>),
    /// A product for each group.
    Products(Vec<Weights>),
}

impl Convolve {
    pub(crate) fn new(window: Window, groups: usize, outputs: usize) -> TractResult<Self> {
        ensure!(
            groups > 0 && outputs.is_multiple_of(groups),
            "{outputs} outputs in {groups} groups"
        );
        Ok(Self { window, groups, outputs, filters: None, bias: None })
    }

    /// With constant weights.
    pub(crate) fn with_weights(self, weights: &Tensor) -> TractResult<Self> {
        let filters = self.filters(weights)?;
        Ok(Self { filters: Some(Arc::new(filters)), ..self })
    }

    pub(crate) fn with_bias(self, bias: Vec<f32>) -> TractResult<Self> {
        ensure!(bias.len() == self.outputs, "{} biases for {} outputs", bias.len(), self.outputs);
        Ok(Self { bias: Some(Arc::new(bias)), ..self })
    }

    fn filters(&self, weights: &Tensor) -> TractResult<Filters> {
        let values = weights.try_as_plain_ram()?.as_slice::<f32>()?;
        let inputs = *weights.shape().get(1).context("weights without inputs")?;
        let (width, outputs) = (inputs * self.window.volume(), self.outputs / self.groups);
        ensure!(values.len() == self.outputs * width, "weights of {:?}", weights.shape());
        if inputs == 1 && self.groups > 1 {
            return Ok(Filters::Depthwise(values.to_vec()));
        }
        let group = |values: &[f32]| {
            TractResult::Ok(Weights::F32(F32Weights::pack(outputs, width, values)?))
        };
        let groups = values.chunks_exact((outputs * width).max(1)).map(group);
        Ok(Filters::Products(groups.collect::<TractResult<_>>()?))
    }

    fn compute(&self, inputs: &[TValue]) -> TractResult<Tensor> {
        let input = inputs.first().context("no input")?;
        let taps = self.window.taps(input.shape(), false)?;
        let mut shape: TVec<usize> = input.shape().into();
        let spatial = shape.len() - 2;
        shape[1] = self.outputs;
        for (size, taps) in shape[2..].iter_mut().zip(&taps[AXES - spatial..]) {
            *size = taps.windows;
        }
        let dynamic;
        let filters = match &self.filters {
            Some(filters) => filters,
            None => {
                dynamic = self.filters(inputs.get(1).context("no weights")?)?;
                &dynamic
            }
        };
        let mut out = Tensor::zero_dt(f32::datum_type(), &shape)?;
        let mut view = out.try_as_plain_ram_mut()?;
        let (x, values) = (floats(input)?, view.as_slice_mut::<f32>()?);
        if values.is_empty() {
            return Ok(out);
        }
        let channels = input.shape()[1];
        match filters {
            Filters::Depthwise(weights) => {
                ensure!(channels == self.groups, "{channels} channels");
                self.depthwise(weights, x, &taps, values);
            }
            Filters::Products(groups) => {
                let width = channels / self.groups * self.window.volume();
                let fits = groups.iter().all(|weights| weights.inputs() == width);
                ensure!(fits && channels % self.groups == 0, "{channels} channels");
                SCRATCH
                    .with_borrow_mut(|scratch| self.products(groups, x, &taps, scratch, values))?;
            }
        }
        Ok(out)
    }

    /// Row by row: each tap adds the elements that it reads.
    fn depthwise(&self, weights: &[f32], x: &[f32], taps: &[Taps; AXES], out: &mut [f32]) {
        let [z, y, line] = taps;
        let (volume, positions) = (volume(taps), positions(taps));
        let each = self.outputs / self.groups;
        let planes = x.len() / volume.max(1);
        for plane in 0..planes * each {
            let channel = plane % self.outputs;
            let input = &x[plane / each * volume..][..volume];
            let output = &mut out[plane * positions..][..positions];
            output.fill(self.bias.as_ref().map_or(0.0, |bias| bias[channel]));
            let weights = &weights[channel * self.window.volume()..];
            for (row, output) in output.chunks_exact_mut(line.windows).enumerate() {
                let lines = z
                    .of(row / y.windows)
                    .iter()
                    .flat_map(|z| y.of(row % y.windows).iter().map(move |y| (*z, *y)));
                for ((z, row), weights) in lines.zip(weights.chunks_exact(line.kernel())) {
                    if z != PADDING && row != PADDING {
                        let start = (z as usize * y.input + row as usize) * line.input;
                        add_line(&input[start..][..line.input], weights, line, output);
                    }
                }
            }
        }
    }

    /// The patches of some positions as rows, and their product with the weights.
    fn products(
        &self,
        groups: &[Weights],
        x: &[f32],
        taps: &[Taps; AXES],
        scratch: &mut Scratch,
        out: &mut [f32],
    ) -> TractResult<()> {
        let (volume, positions) = (volume(taps), positions(taps));
        let outputs = self.outputs / self.groups;
        let width = groups.first().map_or(0, Weights::inputs);
        let mut patches = vec![0.0; CHUNK.min(positions) * width];
        let mut sums = vec![0.0; CHUNK.min(positions) * outputs];
        let planes = x.chunks_exact((width / self.window.volume() * volume).max(1));
        for (index, (input, out)) in
            planes.zip(out.chunks_exact_mut(outputs * positions)).enumerate()
        {
            let group = index % self.groups;
            let bias = self.bias.as_ref().map(|bias| &bias[group * outputs..][..outputs]);
            let epilogue = Epilogue { bias, then: Then::Store };
            for first in (0..positions).step_by(CHUNK) {
                let count = CHUNK.min(positions - first);
                let rows = patches.chunks_exact_mut(width.max(1));
                rows.zip(first..first + count).for_each(|(row, at)| gather(row, input, at, taps));
                let (patches, sums) = (&patches[..count * width], &mut sums[..count * outputs]);
                linear(patches, count, &groups[group], &epilogue, scratch, sums)?;
                for (place, row) in sums.chunks_exact(outputs).enumerate() {
                    for (output, value) in row.iter().enumerate() {
                        out[output * positions + first + place] = *value;
                    }
                }
            }
        }
        Ok(())
    }
}

fn volume(taps: &[Taps; AXES]) -> usize {
    taps.iter().map(|taps| taps.input).product()
}

fn positions(taps: &[Taps; AXES]) -> usize {
    taps.iter().map(|taps| taps.windows).product()
}

/// Adds what each tap on the last axis reads from a line.
fn add_line(input: &[f32], weights: &[f32], taps: &Taps, output: &mut [f32]) {
    for (tap, weight) in weights.iter().enumerate() {
        let (windows, first) = taps.reading(tap);
        let output = &mut output[windows];
        if output.is_empty() {
            continue;
        }
        // Two loops, since only the first one becomes vectors.
        if taps.stride() == 1 {
            output.iter_mut().zip(&input[first..]).for_each(|(sum, x)| *sum += weight * x);
        } else {
            let input = input[first..].iter().step_by(taps.stride());
            output.iter_mut().zip(input).for_each(|(sum, x)| *sum += weight * x);
        }
    }
}

/// What the window at `position` reads from all channels.
fn gather(row: &mut [f32], channels: &[f32], position: usize, taps: &[Taps; AXES]) {
    let [z, y, x] = taps;
    let (line, place) = (position / x.windows, x.of(position % x.windows));
    let (z_taps, y_taps) = (z.of(line / y.windows), y.of(line % y.windows));
    let mut row = row.iter_mut();
    for channel in channels.chunks_exact(volume(taps)) {
        for z in z_taps {
            for line in y_taps {
                let inside = *z != PADDING && *line != PADDING;
                let start =
                    if inside { (*z as usize * y.input + *line as usize) * x.input } else { 0 };
                for (place, out) in place.iter().zip(row.by_ref()) {
                    let reads = inside && *place != PADDING;
                    *out = if reads { channel[start + *place as usize] } else { 0.0 };
                }
            }
        }
    }
}

impl PartialEq for Convolve {
    fn eq(&self, other: &Self) -> bool {
        let same = match (&self.filters, &other.filters) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            (None, None) => true,
            _ => false,
        };
        let key = |op: &Self| (op.groups, op.outputs);
        same && key(self) == key(other) && self.window == other.window && self.bias == other.bias
    }
}

impl Eq for Convolve {}

impl Op for Convolve {
    fn name(&self) -> StaticName {
        "Convolve".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Convolve {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext<'_>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        Ok(tvec!(self.compute(&inputs)?.into_tvalue()))
    }
}

impl TypedOp for Convolve {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let input = inputs.first().context("no input")?;
        let mut shape = self.window.output(&input.shape.to_tvec())?;
        shape[1] = self.outputs.to_dim();
        Ok(tvec!(f32::fact(shape)))
    }

    as_op!();
}
