use crate::error::AudioError;
use crate::format::Format;
use crate::pcm::Pcm;
use crate::resampler::{RATE, Resampler};
use crate::wav::Wav;

/// Reads audio in pieces of any size, from one byte to the whole, as mono samples at [`RATE`] within
/// -1 and 1.
#[derive(Debug)]
pub struct Reader {
    /// Finds the samples; `None` where there is nothing but samples.
    wav: Option<Wav>,
    samples: Option<Samples>,
    /// Samples at the rate of the source.
    scratch: Vec<f32>,
}

/// What is read of samples whose format is known.
#[derive(Debug)]
struct Samples {
    pcm: Pcm,
    /// `None` at [`RATE`].
    resampler: Option<Resampler>,
}

impl Samples {
    fn new(format: Format) -> Result<Self, AudioError> {
        let pcm = Pcm::new(format)?;
        let resampler = (format.rate != RATE).then(|| Resampler::new(format.rate)).transpose()?;
        Ok(Self { pcm, resampler })
    }
}

impl Reader {
    /// Reads a WAV file, which says its format.
    pub fn wav() -> Self {
        Self { wav: Some(Wav::new()), samples: None, scratch: Vec::new() }
    }

    /// Reads PCM without a header.
    ///
    /// # Errors
    /// [`AudioError::Channels`] or [`AudioError::Rate`].
    pub fn pcm(format: Format) -> Result<Self, AudioError> {
        Ok(Self { wav: None, samples: Some(Samples::new(format)?), scratch: Vec::new() })
    }

    /// The format, once it is known.
    pub fn format(&self) -> Option<Format> {
        self.samples.as_ref().map(|samples| samples.pcm.format())
    }

    /// Reads the next bytes and appends the samples that they complete.
    ///
    /// # Errors
    /// [`AudioError`] naming what is not supported or damaged. What follows cannot be read either.
    pub fn push(&mut self, bytes: &[u8], samples: &mut Vec<f32>) -> Result<(), AudioError> {
        let bytes = match &mut self.wav {
            None => bytes,
            Some(wav) => match wav.push(bytes)? {
                None => return Ok(()),
                Some((format, bytes)) => {
                    if self.samples.is_none() {
                        self.samples = Some(Samples::new(format)?);
                    }
                    bytes
                }
            },
        };
        let Some(Samples { pcm, resampler }) = &mut self.samples else { return Ok(()) };
        match resampler {
            None => pcm.push(bytes, samples),
            Some(resampler) => {
                self.scratch.clear();
                pcm.push(bytes, &mut self.scratch)?;
                resampler.push(&self.scratch, samples)
            }
        }
    }

    /// The audio has ended: appends the samples that were waiting for more. Call it once.
    ///
    /// # Errors
    /// [`AudioError`] of a file that has ended before its samples.
    pub fn finish(&mut self, samples: &mut Vec<f32>) -> Result<(), AudioError> {
        if let Some(wav) = &self.wav {
            wav.finish()?;
        }
        match &mut self.samples {
            Some(Samples { resampler: Some(resampler), .. }) => resampler.finish(samples),
            _ => Ok(()),
        }
    }
}
