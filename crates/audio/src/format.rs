use crate::error::AudioError;
use crate::rate::{MAX_RATE, MIN_RATE};

/// Encoding of a sample, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Signed integers of 16 bits.
    S16,
    /// Floats of 32 bits; full scale is 1.
    F32,
}

/// Format of PCM. Samples of the channels are interleaved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Encoding of a sample.
    pub encoding: Encoding,
    /// 1 or 2.
    pub channels: u16,
    /// Samples of a channel per second: 8,000 to 48,000.
    pub rate: u32,
}

impl Encoding {
    /// Bytes of a sample.
    pub fn bytes(self) -> usize {
        match self {
            Self::S16 => 2,
            Self::F32 => 4,
        }
    }
}

impl Format {
    /// Bytes of one sample of all channels.
    pub fn block(&self) -> usize {
        self.encoding.bytes() * usize::from(self.channels)
    }

    /// Checks channels and rate.
    ///
    /// # Errors
    /// [`AudioError::Channels`] or [`AudioError::Rate`].
    pub fn check(&self) -> Result<(), AudioError> {
        if !(1..=2).contains(&self.channels) {
            return Err(AudioError::Channels(self.channels));
        }
        if !(MIN_RATE..=MAX_RATE).contains(&self.rate) {
            return Err(AudioError::Rate(self.rate));
        }
        Ok(())
    }
}
