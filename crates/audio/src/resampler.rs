//! Samples of any rate to 16 kHz: windowed sinc filters.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Indexing, Resampler as _, SincInterpolationParameters,
    SincInterpolationType, WindowFunction,
};

use crate::error::AudioError;
use crate::rate::RATE;

/// Taps of a filter: 1.3 ms to either side at 48 kHz.
const TAPS: usize = 128;
/// Maximum number of filters that are computed ahead, one for each place of an output between two inputs. Other
/// ratios interpolate between 128 of them.
const MOST_FILTERS: u32 = 640;
/// Pieces of a second that are resampled at once.
const PIECES: u32 = 100;

/// Resamples mono audio, in pieces of a fixed size, so that the size of what is pushed does not
/// matter. The output is aligned with the input: the delay of the filter is taken out.
pub(crate) struct Resampler {
    inner: Async<f32>,
    /// Samples of a piece that is not complete.
    held: Vec<f32>,
    piece: usize,
    scratch: Vec<f32>,
    rate: u32,
    received: u64,
    /// Outputs that are still to be left out: the delay of the filter.
    delay: usize,
    written: u64,
}

impl Resampler {
    /// From `rate` to [`RATE`].
    pub(crate) fn new(rate: u32) -> Result<Self, AudioError> {
        let divisor = common_divisor(rate, RATE);
        let (filters, steps) = (RATE / divisor, rate / divisor);
        let parameters = SincInterpolationParameters::new(TAPS, WindowFunction::BlackmanHarris2);
        let parameters = match filters <= MOST_FILTERS {
            true => parameters
                .oversampling_factor(filters as usize)
                .interpolation(SincInterpolationType::Nearest),
            false => parameters,
        };
        let piece = (rate / PIECES) as usize;
        let ratio = f64::from(RATE) / f64::from(rate);
        let inner = Async::new_sinc(ratio, 1.0, &parameters, piece, 1, FixedAsync::Input)
            .map_err(|error| AudioError::Resampler(error.to_string()))?;
        let scratch = vec![0.0; inner.output_frames_max()];
        let held = Vec::with_capacity(piece);
        let (silence, delay) = alignment(filters as usize, steps as usize);
        let mut resampler =
            Self { inner, held, piece, scratch, rate, received: 0, delay, written: 0 };
        resampler.push(&vec![0.0; silence], &mut Vec::new())?;
        resampler.received = 0;
        Ok(resampler)
    }

    /// Appends what is certain of the output.
    pub(crate) fn push(
        &mut self,
        mut samples: &[f32],
        out: &mut Vec<f32>,
    ) -> Result<(), AudioError> {
        self.received += samples.len() as u64;
        while !samples.is_empty() {
            let taken = (self.piece - self.held.len()).min(samples.len());
            self.held.extend_from_slice(&samples[..taken]);
            samples = &samples[taken..];
            if self.held.len() == self.piece {
                self.run(None, u64::MAX, out)?;
            }
        }
        Ok(())
    }

    /// Appends the rest of the output: as long as the input, but for rounding up.
    pub(crate) fn finish(&mut self, out: &mut Vec<f32>) -> Result<(), AudioError> {
        let most = (self.received * u64::from(RATE)).div_ceil(u64::from(self.rate));
        while self.written < most {
            self.run(Some(self.held.len()), most, out)?;
        }
        Ok(())
    }

    /// Resamples what is held, of which `partial` samples are there and the rest is silence.
    fn run(
        &mut self,
        partial: Option<usize>,
        most: u64,
        out: &mut Vec<f32>,
    ) -> Result<(), AudioError> {
        let wrong = |error: String| AudioError::Resampler(error);
        self.held.resize(self.piece, 0.0);
        let input = InterleavedSlice::new(&self.held, 1, self.piece);
        let input = input.map_err(|error| wrong(error.to_string()))?;
        let frames = self.scratch.len();
        let output = InterleavedSlice::new_mut(&mut self.scratch, 1, frames);
        let mut output = output.map_err(|error| wrong(error.to_string()))?;
        let indexing = partial.map(|length| Indexing::new().partial_len(length));
        let ran = self.inner.process_into_buffer(&input, &mut output, indexing.as_ref());
        let (_, produced) = ran.map_err(|error| wrong(error.to_string()))?;
        self.held.clear();
        let skipped = self.delay.min(produced);
        self.delay -= skipped;
        let left = usize::try_from(most - self.written).unwrap_or(usize::MAX);
        let kept = &self.scratch[skipped..produced];
        let kept = &kept[..kept.len().min(left)];
        self.written += kept.len() as u64;
        out.extend_from_slice(kept);
        Ok(())
    }
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resampler").field("rate", &self.rate).finish_non_exhaustive()
    }
}

/// How much silence to put in front of the input, and how many outputs to leave out, so that the first one
/// belongs to the first sample of the input. Output `n` of rubato's sinc filters belongs to sample
/// `((n + 1) * steps + 1) / filters - TAPS / 2`, and outputs are `steps / filters` samples apart.
fn alignment(filters: usize, steps: usize) -> (usize, usize) {
    let half = TAPS / 2;
    let is_whole = |silence: &usize| ((half + silence) * filters - 1).is_multiple_of(steps);
    let silence = (0..steps).find(is_whole).unwrap_or_default();
    (silence, ((half + silence) * filters - 1) / steps - 1)
}

fn common_divisor(one: u32, other: u32) -> u32 {
    if other == 0 { one } else { common_divisor(other, one % other) }
}
