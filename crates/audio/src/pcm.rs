//! From interleaved samples to mono: the mean of the channels.

use crate::error::AudioError;
use crate::format::{Encoding, Format};

/// Largest block: two floats.
const LONGEST_BLOCK: usize = 8;
const FULL_SCALE: f32 = 32_768.0;

/// Decodes PCM in pieces of any size. A block that the audio ends in the middle of is left out.
#[derive(Debug)]
pub(crate) struct Pcm {
    format: Format,
    /// The beginning of a block.
    partial: [u8; LONGEST_BLOCK],
    held: usize,
    /// Blocks that were decoded.
    blocks: u64,
}

impl Pcm {
    pub(crate) fn new(format: Format) -> Result<Self, AudioError> {
        format.check()?;
        Ok(Self { format, partial: [0; LONGEST_BLOCK], held: 0, blocks: 0 })
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Appends the samples that `bytes` complete, each within -1 and 1.
    ///
    /// # Errors
    /// [`AudioError::NotFinite`].
    pub(crate) fn push(
        &mut self,
        mut bytes: &[u8],
        samples: &mut Vec<f32>,
    ) -> Result<(), AudioError> {
        let block = self.format.block();
        samples.reserve((self.held + bytes.len()) / block);
        if self.held > 0 {
            let missing = (block - self.held).min(bytes.len());
            self.partial[self.held..self.held + missing].copy_from_slice(&bytes[..missing]);
            self.held += missing;
            bytes = &bytes[missing..];
            if self.held < block {
                return Ok(());
            }
            let whole = self.partial;
            self.held = 0;
            samples.push(self.sample(&whole[..block])?);
        }
        let blocks = bytes.chunks_exact(block);
        let rest = blocks.remainder();
        for whole in blocks {
            samples.push(self.sample(whole)?);
        }
        self.partial[..rest.len()].copy_from_slice(rest);
        self.held = rest.len();
        Ok(())
    }

    /// The mean of the channels of a block.
    fn sample(&mut self, block: &[u8]) -> Result<f32, AudioError> {
        let sum: f32 = match self.format.encoding {
            Encoding::S16 => {
                let (values, _) = block.as_chunks::<2>();
                values.iter().map(|value| f32::from(i16::from_le_bytes(*value)) / FULL_SCALE).sum()
            }
            Encoding::F32 => {
                let (values, _) = block.as_chunks::<4>();
                let values = values.iter().map(|value| f32::from_le_bytes(*value));
                // What is infinite must not pass for full scale.
                values
                    .map(|value| if value.is_finite() { value.clamp(-1.0, 1.0) } else { f32::NAN })
                    .sum()
            }
        };
        if sum.is_nan() {
            return Err(AudioError::NotFinite(self.blocks));
        }
        self.blocks += 1;
        Ok(sum / f32::from(self.format.channels))
    }
}
