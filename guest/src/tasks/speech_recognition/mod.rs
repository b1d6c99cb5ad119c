//! Transcribes speech, in a recording or in streamed audio.
//! Used by `dialects` through `tasks`. Does not know HTTP.

mod session;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pilotlight_audio::{Reader, SegmentOptions};
use serde::Serialize;

pub use session::{Heard, SpeechSession};

use super::request;
use super::voice_activity::{DEFAULT_FORMAT, Parameters, Span, seconds, unsupported};
use crate::api::{ApiError, parse};
use crate::model::{LONGEST_SECONDS, SpeechModel, Usage};

/// What is transcribed at once. Silero's own rules end a segment at each breath, and words need what is around
/// them; longer speech is cut at its longest silence.
pub const SEGMENTS: SegmentOptions = SegmentOptions {
    threshold: 0.5,
    negative_threshold: None,
    min_speech_ms: 250,
    min_silence_ms: 500,
    pad_ms: 200,
    max_speech_ms: Some(15_000),
};

/// A request in JSON: a WAV file, or mono PCM of 16 bits at 16 kHz, in base64; and what is called speech.
pub type Request = request::Request<String, Parameters>;

/// What is said in a recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Transcript {
    /// All of it.
    pub text: String,
    /// Length of the recording in seconds.
    pub duration: f64,
    /// What is said from silence to silence.
    pub segments: Vec<Spoken>,
}

/// What is said in a part of a recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Spoken {
    /// The part.
    #[serde(flatten)]
    pub span: Span,
    /// What is said.
    pub text: String,
}

/// What a segment is, checked.
///
/// # Errors
/// [`ApiError::Invalid`] naming the parameter and its range.
pub fn options(parameters: &Parameters) -> Result<SegmentOptions, ApiError> {
    let options = parameters.options(SEGMENTS)?;
    let longest = LONGEST_SECONDS * 1000;
    match options.max_speech_ms {
        Some(most) if most > longest => {
            let message = format!("max_speech_ms {most} must be at most {longest}");
            Err(ApiError::of_key("max_speech_ms", message))
        }
        _ => Ok(options),
    }
}

/// Answers a request: JSON, or a WAV file.
///
/// # Errors
/// [`ApiError::Invalid`] for audio that is not supported, and what the engine says.
pub fn answer(model: &SpeechModel, body: &[u8], usage: &mut Usage) -> Result<Transcript, ApiError> {
    if body.starts_with(b"RIFF") {
        return transcript(model, (Reader::wav(), body), &SEGMENTS, usage);
    }
    let Request { inputs, parameters, .. } = parse(body)?;
    let decoded = BASE64_STANDARD.decode(inputs.trim_ascii());
    let audio = decoded.map_err(|error| {
        ApiError::of_key("inputs", format!("inputs: not audio in base64: {error}"))
    })?;
    let reader = Reader::wav_or_pcm(DEFAULT_FORMAT).map_err(unsupported)?;
    transcript(model, (reader, &audio), &options(&parameters)?, usage)
}

/// What is said in a recording.
///
/// # Errors
/// As [`answer`].
pub fn transcript(
    model: &SpeechModel,
    (reader, audio): (Reader, &[u8]),
    options: &SegmentOptions,
    usage: &mut Usage,
) -> Result<Transcript, ApiError> {
    let mut session = SpeechSession::new(model, reader, options)?.without_partials();
    let mut segments = Vec::new();
    let mut each = |heard: Heard| {
        if let Heard::Segment { segment, text: Some(text) } = heard {
            segments.push(Spoken { span: segment.into(), text });
        }
    };
    session.push(audio, usage, &mut each)?;
    session.finish(usage, &mut each)?;
    // Of a cough nothing is written down.
    segments.retain(|spoken| !spoken.text.is_empty());
    let texts: Vec<&str> = segments.iter().map(|spoken| &spoken.text[..]).collect();
    let (text, duration) = (texts.join(" "), seconds(session.voice().samples()));
    Ok(Transcript { text, duration, segments })
}
