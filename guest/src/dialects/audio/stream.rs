//! `POST /v1/audio/stream`: a line of JSON for each frame and each segment, or a server-sent event.

use serde::Serialize;
use serde_json::json;

use super::query::Asked;
use super::session_of;
use crate::api::ApiError;
use crate::dialects::route::Target;
use crate::dialects::session::{Opened, Session};
use crate::function::Function;
use crate::model::Usage;
use crate::tasks::speech_recognition::{Heard, SpeechSession, Spoken};
use crate::tasks::voice_activity::{Span, seconds};

pub(super) const NDJSON: &str = "application/x-ndjson";
pub(super) const EVENTS: &str = "text/event-stream";
/// Samples of a frame.
const FRAME: u64 = pilotlight_audio::FRAME as u64;

/// What is told, a line each. Times are in seconds.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "AudioEvent"))]
#[serde(untagged)]
pub(super) enum Line {
    /// A frame of 32 ms.
    Frame {
        /// Its number, from 0.
        frame: u64,
        /// Where it begins.
        start: f64,
        /// The probability of speech in it.
        probability: f32,
        /// Whether it is within speech, as far as can be told by now.
        speech: bool,
    },
    /// Speech that goes on, of models with words. What has been said may change.
    Partial {
        /// Where it is so far, and what has been said.
        partial: Spoken,
    },
    /// Speech that has ended.
    Segment {
        /// Where it is.
        segment: Span,
    },
    /// The same, of models with words.
    Spoken {
        /// Where it is, and what was said.
        segment: Spoken,
    },
    /// The last line of a session that was not broken off.
    Done {
        /// What there was.
        done: Totals,
    },
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "AudioTotals"))]
pub(super) struct Totals {
    /// Frames that were computed.
    frames: u64,
    /// Length of the audio in seconds.
    duration: f64,
    /// Segments that were told.
    segments: u64,
}

/// How lines are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Lines,
    Events,
}

struct Stream<'a> {
    hearing: SpeechSession<'a>,
    frames: bool,
    form: Form,
}

/// Begins a session.
///
/// # Errors
/// [`ApiError`] about the head of the request.
pub(super) fn open<'a>(function: &'a Function, target: &Target) -> Result<Opened<'a>, ApiError> {
    let Asked { reader, frames, partials, parameters } = Asked::of(target)?;
    let hearing = session_of(function, reader, &parameters)?;
    let hearing = if partials { hearing } else { hearing.without_partials() };
    let accept = target.accept.as_deref().unwrap_or_default();
    let (form, content_type) = match accept.split(',').any(is_events) {
        true => (Form::Events, EVENTS),
        false => (Form::Lines, NDJSON),
    };
    Ok(Opened { content_type, session: Box::new(Stream { hearing, frames, form }) })
}

fn is_events(range: &str) -> bool {
    range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(EVENTS)
}

impl Form {
    fn write(self, line: &impl Serialize, out: &mut Vec<u8>) {
        let (before, after): (&[u8], &[u8]) = match self {
            Self::Lines => (b"", b"\n"),
            Self::Events => (b"data: ", b"\n\n"),
        };
        out.extend_from_slice(before);
        // None of our types provokes an error.
        let _ = serde_json::to_writer(&mut *out, line);
        out.extend_from_slice(after);
    }
}

/// What is written of an event.
fn line(heard: Heard, frames: bool) -> Option<Line> {
    match heard {
        Heard::Frame { number, probability, is_speech } => frames.then(|| Line::Frame {
            frame: number,
            start: seconds(number * FRAME),
            probability,
            speech: is_speech,
        }),
        Heard::Partial { segment, text } => {
            Some(Line::Partial { partial: Spoken { span: segment.into(), text } })
        }
        Heard::Segment { segment, text: None } => Some(Line::Segment { segment: segment.into() }),
        Heard::Segment { segment, text: Some(text) } => {
            Some(Line::Spoken { segment: Spoken { span: segment.into(), text } })
        }
    }
}

impl Session for Stream<'_> {
    fn push(&mut self, bytes: &[u8], usage: &mut Usage, out: &mut Vec<u8>) -> Result<(), ApiError> {
        let Self { hearing, frames, form } = self;
        hearing.push(bytes, usage, &mut |heard| {
            if let Some(line) = line(heard, *frames) {
                form.write(&line, out);
            }
        })
    }

    fn finish(&mut self, usage: &mut Usage, out: &mut Vec<u8>) -> Result<(), ApiError> {
        let Self { hearing, frames, form } = self;
        hearing.finish(usage, &mut |heard| {
            if let Some(line) = line(heard, *frames) {
                form.write(&line, out);
            }
        })?;
        let voice = hearing.voice();
        let duration = seconds(voice.samples());
        let done = Totals { frames: voice.computed(), duration, segments: voice.segments() };
        form.write(&Line::Done { done }, out);
        Ok(())
    }

    fn fail(&self, error: &ApiError, out: &mut Vec<u8>) {
        let line = json!({"error": error.to_string(), "error_type": error.error_type()});
        self.form.write(&line, out);
    }
}
