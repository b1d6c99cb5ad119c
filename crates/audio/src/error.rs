use crate::rate::{MAX_RATE, MIN_RATE};

/// Audio that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AudioError {
    /// A file of another kind.
    #[error("{0} is not supported; send WAV or PCM, as 16-bit integers or 32-bit floats")]
    Container(&'static str),
    /// A WAV file whose samples are of another kind.
    #[error("WAV with {0} is not supported; send 16-bit integers or 32-bit floats")]
    Samples(String),
    /// Neither mono nor stereo.
    #[error("{0} channels are not supported; send 1 or 2")]
    Channels(u16),
    /// A sample rate outside the range.
    #[error("a sample rate of {0} Hz is not supported; send {MIN_RATE} to {MAX_RATE}")]
    Rate(u32),
    /// A WAV file that is damaged.
    #[error("the WAV file is damaged: {0}")]
    Damaged(String),
    /// A WAV file that ends before its samples begin.
    #[error("the WAV file ends before its samples begin")]
    Truncated,
    /// A float that is infinite or not a number.
    #[error("sample {0} is not a finite number")]
    NotFinite(u64),
    /// The resampler refused its parameters.
    #[error("audio cannot be resampled: {0}")]
    Resampler(String),
}
