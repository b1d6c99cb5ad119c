//! Audio for models, on plain values: bytes in pieces of any size become mono samples at 16 kHz
//! ([`Reader`]), samples become the frames that a voice activity model reads ([`Frames`]), and the
//! probabilities that it returns become segments of speech ([`Segmenter`]).
//!
//! The result does not depend on how the bytes were cut into pieces. Nothing here grows with the
//! length of a recording.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking"))]

mod container;
mod error;
mod format;
mod frames;
mod pcm;
mod rate;
mod reader;
mod resampler;
mod segments;
mod wav;

pub use error::AudioError;
pub use format::{Encoding, Format};
pub use frames::{CONTEXT, FRAME, Frames, INPUT};
pub use rate::{MAX_RATE, MIN_RATE, RATE};
pub use reader::Reader;
pub use segments::{Segment, SegmentOptions, Segmenter};
