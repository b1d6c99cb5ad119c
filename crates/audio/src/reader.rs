use crate::container::{LONGEST_MAGIC, unmistakable};
use crate::error::AudioError;
use crate::format::Format;
use crate::pcm::Pcm;
use crate::rate::RATE;
use crate::resampler::Resampler;
use crate::wav::Wav;

/// Reads audio in pieces of any size, from one byte to the whole, as mono samples at [`RATE`] within
/// -1 and 1.
#[derive(Debug)]
pub struct Reader {
    source: Source,
    samples: Option<Samples>,
    /// Samples at the rate of the source.
    scratch: Vec<f32>,
}

#[derive(Debug)]
enum Source {
    /// A WAV file or PCM of this format: the first bytes tell, which are held until then.
    Unknown(Format, Vec<u8>),
    Wav(Wav),
    Pcm,
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

    /// Appends the samples at [`RATE`] that `bytes` complete.
    fn push(
        &mut self,
        bytes: &[u8],
        scratch: &mut Vec<f32>,
        samples: &mut Vec<f32>,
    ) -> Result<(), AudioError> {
        let Some(resampler) = &mut self.resampler else { return self.pcm.push(bytes, samples) };
        scratch.clear();
        self.pcm.push(bytes, scratch)?;
        resampler.push(scratch, samples)
    }
}

impl Reader {
    /// Reads a WAV file, which says its format.
    pub fn wav() -> Self {
        Self::new(Source::Wav(Wav::new()), None)
    }

    /// Reads PCM without a header.
    ///
    /// # Errors
    /// [`AudioError::Channels`] or [`AudioError::Rate`].
    pub fn pcm(format: Format) -> Result<Self, AudioError> {
        Ok(Self::new(Source::Pcm, Some(Samples::new(format)?)))
    }

    /// Reads a WAV file where the first bytes are those of one, and PCM without a header elsewhere. Other
    /// files that can be told from samples are refused.
    ///
    /// # Errors
    /// [`AudioError::Channels`] or [`AudioError::Rate`].
    pub fn wav_or_pcm(format: Format) -> Result<Self, AudioError> {
        format.check()?;
        Ok(Self::new(Source::Unknown(format, Vec::new()), None))
    }

    fn new(source: Source, samples: Option<Samples>) -> Self {
        Self { source, samples, scratch: Vec::new() }
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
        if let Source::Unknown(format, held) = &mut self.source {
            held.extend_from_slice(bytes);
            if held.len() < LONGEST_MAGIC {
                return Ok(());
            }
            let (format, held) = (*format, std::mem::take(held));
            self.tell(format, &held)?;
            return self.read(&held, samples);
        }
        self.read(bytes, samples)
    }

    /// Decides by the first bytes.
    fn tell(&mut self, format: Format, first: &[u8]) -> Result<(), AudioError> {
        if first.starts_with(b"RIFF") {
            self.source = Source::Wav(Wav::new());
            return Ok(());
        }
        if let Some(name) = unmistakable(first) {
            return Err(AudioError::Container(name));
        }
        (self.source, self.samples) = (Source::Pcm, Some(Samples::new(format)?));
        Ok(())
    }

    fn read(&mut self, bytes: &[u8], samples: &mut Vec<f32>) -> Result<(), AudioError> {
        let bytes = match &mut self.source {
            Source::Wav(wav) => match wav.push(bytes)? {
                None => return Ok(()),
                Some((format, bytes)) => {
                    if self.samples.is_none() {
                        self.samples = Some(Samples::new(format)?);
                    }
                    bytes
                }
            },
            Source::Unknown(..) | Source::Pcm => bytes,
        };
        match &mut self.samples {
            Some(known) => known.push(bytes, &mut self.scratch, samples),
            None => Ok(()),
        }
    }

    /// The audio has ended: appends the samples that were waiting for more. Call it once.
    ///
    /// # Errors
    /// [`AudioError`] of a file that has ended before its samples.
    pub fn finish(&mut self, samples: &mut Vec<f32>) -> Result<(), AudioError> {
        if let Source::Unknown(format, held) = &mut self.source {
            let (format, held) = (*format, std::mem::take(held));
            self.tell(format, &held)?;
            self.read(&held, samples)?;
        }
        if let Source::Wav(wav) = &self.source {
            wav.finish()?;
        }
        match &mut self.samples {
            Some(Samples { resampler: Some(resampler), .. }) => resampler.finish(samples),
            _ => Ok(()),
        }
    }
}
