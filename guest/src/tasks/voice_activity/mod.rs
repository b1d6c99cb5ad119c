//! Detects speech segments, in a recording or in streamed audio.
//! Used by `dialects` through `tasks`. Does not know HTTP.

mod parameters;
mod session;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pilotlight_audio::{Encoding, Format, RATE, Reader, Segment, SegmentOptions};
use serde::Serialize;
use serde_json::{Value, json};

pub use parameters::Parameters;
pub use session::{Event, VoiceSession};

use super::request;
use crate::api::{ApiError, parse};
use crate::model::{Usage, VoiceModel};

/// Audio without a header is taken for this.
pub const DEFAULT_FORMAT: Format = Format { encoding: Encoding::S16, channels: 1, rate: RATE };
/// Samples of the sample: five frames, the last of them incomplete.
const SAMPLE: i32 = 2_400;

/// A request in JSON: a WAV file, or mono PCM of 16 bits at 16 kHz, in base64; and what is called speech.
pub type Request = request::Request<String, Parameters>;

/// What is found in a recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VoiceActivity {
    /// Length of the recording in seconds.
    pub duration: f64,
    /// Where somebody speaks.
    pub segments: Vec<Span>,
    /// The probability of speech in each frame of 32 ms.
    pub probabilities: Vec<f32>,
}

/// A part of a recording, in seconds from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "VoiceSpan"))]
pub struct Span {
    /// Where it begins.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
}

impl From<Segment> for Span {
    fn from(segment: Segment) -> Self {
        Self { start: seconds(segment.start), end: seconds(segment.end) }
    }
}

/// The time of a sample.
pub fn seconds(samples: u64) -> f64 {
    samples as f64 / f64::from(RATE)
}

/// Answers a request: JSON, or a WAV file.
///
/// # Errors
/// [`ApiError::Invalid`] for audio that is not supported, and what the engine says.
pub fn answer(
    model: &VoiceModel,
    body: &[u8],
    usage: &mut Usage,
) -> Result<VoiceActivity, ApiError> {
    let reader = Reader::wav_or_pcm(DEFAULT_FORMAT).map_err(unsupported)?;
    if body.starts_with(b"RIFF") {
        return activity(model, (reader, body), &Parameters::default(), usage);
    }
    let Request { inputs, parameters, .. } = parse(body)?;
    let decoded = BASE64_STANDARD.decode(inputs.trim_ascii());
    let audio = decoded.map_err(|error| {
        ApiError::of_key("inputs", format!("inputs: not audio in base64: {error}"))
    })?;
    activity(model, (reader, &audio), &parameters, usage)
}

/// When somebody speaks in a recording.
///
/// # Errors
/// As [`answer`].
pub fn activity(
    model: &VoiceModel,
    (reader, audio): (Reader, &[u8]),
    parameters: &Parameters,
    usage: &mut Usage,
) -> Result<VoiceActivity, ApiError> {
    let options = parameters.options(SegmentOptions::default())?;
    let mut session = VoiceSession::new(model, reader, &options)?;
    let (mut probabilities, mut segments) = (Vec::new(), Vec::new());
    let mut each = |event: Event| match event {
        Event::Frame { probability, .. } => probabilities.push(probability),
        Event::Segment(segment) => segments.push(Span::from(segment)),
    };
    session.push(audio, usage, &mut each)?;
    session.finish(usage, &mut each)?;
    let duration = seconds(session.samples());
    Ok(VoiceActivity { duration, segments, probabilities })
}

/// Audio that cannot be read.
pub(super) fn unsupported(error: pilotlight_audio::AudioError) -> ApiError {
    ApiError::Invalid(error.to_string())
}

/// A request with a tone that grows louder.
pub(super) fn sample() -> Value {
    let sample = |n: i32| ((n % 100 - 50).abs() - 25) * n / 4;
    let audio: Vec<u8> = (0..SAMPLE).flat_map(|n| (sample(n) as i16).to_le_bytes()).collect();
    json!({"inputs": BASE64_STANDARD.encode(audio)})
}
