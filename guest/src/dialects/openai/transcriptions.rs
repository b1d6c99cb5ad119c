//! `POST /v1/audio/transcriptions`: what is said in a recording, as JSON, text or subtitles.

use std::fmt::Write as _;

use pilotlight_audio::Reader;
use serde_json::{Value, json};

use crate::api::ApiError;
use crate::dialects::multipart::{Part, parts};
use crate::dialects::route::{Answer, Call};
use crate::function::Function;
use crate::model::{Model, SpeechModel};
use crate::tasks::speech_recognition::{SEGMENTS, Spoken, Transcript, transcript};

const TEXT: &str = "text/plain; charset=utf-8";
const FORMATS: &str = "json, text, srt, verbose_json or vtt";

/// What a form asks for. Any `model` is taken for ours; `prompt` and `temperature` are of no effect.
#[derive(Debug)]
struct Asked<'a> {
    file: &'a [u8],
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Format {
    #[default]
    Json,
    Text,
    Srt,
    VerboseJson,
    Vtt,
}

pub(super) fn answer(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let model = model(call.function)?;
    let content_type = call.target.content_type.as_deref().unwrap_or_default();
    let form = parts(content_type, call.body)?;
    let Asked { file, format } = Asked::of(&form, model)?;
    let found = transcript(model, (Reader::wav(), file), &SEGMENTS, call.usage);
    let found = found.map_err(|error| error.about("file"))?;
    let text = |text: String| Answer { body: text.into(), content_type: TEXT, headers: vec![] };
    Ok(match format {
        Format::Json => return Answer::json(&json!({"text": found.text, "usage": usage(&found)})),
        Format::VerboseJson => return Answer::json(&verbose(&found, model)),
        Format::Text => text(found.text + "\n"),
        Format::Srt => text(srt(&found.segments)),
        Format::Vtt => text(vtt(&found.segments)),
    })
}

fn model(function: &Function) -> Result<&SpeechModel, ApiError> {
    match function.model() {
        Model::Speech(model) => Ok(model),
        _ => Err(ApiError::Internal("the model does not transcribe speech".to_owned())),
    }
}

impl<'a> Asked<'a> {
    /// Reads the fields of a form; those that are not known here are ignored, as OpenAI's own models do.
    fn of(form: &[Part<'a>], model: &SpeechModel) -> Result<Self, ApiError> {
        let (mut file, mut format) = (None, Format::default());
        for part in form {
            match &part.name[..] {
                "file" => file = Some(part.content),
                "response_format" => format = Format::of(part.text()?)?,
                "language" => check_language(part.text()?, model)?,
                "stream" if part.text()? == "true" => {
                    let message = "stream is not supported; send audio to /v1/audio/stream";
                    return Err(ApiError::Unsupported(message.to_owned()));
                }
                "timestamp_granularities[]" | "timestamp_granularities"
                    if part.text()? != "segment" =>
                {
                    let message = "only timestamps of segments are supported";
                    return Err(ApiError::Unsupported(message.to_owned()));
                }
                _ => {}
            }
        }
        let missing = || ApiError::InvalidKey {
            name: "file",
            is_missing: true,
            message: "file is missing; send a WAV file".to_owned(),
        };
        let file = file.ok_or_else(missing)?;
        match file.is_empty() {
            true => Err(ApiError::of_key("file", "file is empty; send a WAV file")),
            false => Ok(Self { file, format }),
        }
    }
}

/// The model has one language; what it would write of another one is made up.
fn check_language(asked: &str, model: &SpeechModel) -> Result<(), ApiError> {
    match model.language() {
        Some(known) if !asked.is_empty() && !asked.eq_ignore_ascii_case(known) => {
            let message = format!("language {asked:?} is not supported; the model writes {known}");
            Err(ApiError::of_key("language", message))
        }
        _ => Ok(()),
    }
}

impl Format {
    fn of(name: &str) -> Result<Self, ApiError> {
        Ok(match name {
            "json" => Self::Json,
            "text" => Self::Text,
            "srt" => Self::Srt,
            "verbose_json" => Self::VerboseJson,
            "vtt" => Self::Vtt,
            _ => {
                let message =
                    format!("response_format {name:?} is not supported; ask for {FORMATS}");
                return Err(ApiError::of_key("response_format", message));
            }
        })
    }
}

fn usage(found: &Transcript) -> Value {
    json!({"type": "duration", "seconds": found.duration.ceil()})
}

/// What Whisper would tell beside the text is not computed, and null.
fn verbose(found: &Transcript, model: &SpeechModel) -> Value {
    let segment = |(id, Spoken { span, text }): (usize, &Spoken)| {
        json!({
            "id": id,
            "seek": 0,
            "start": span.start,
            "end": span.end,
            "text": text,
            "tokens": [],
            "temperature": 0.0,
            "avg_logprob": null,
            "compression_ratio": null,
            "no_speech_prob": null,
        })
    };
    json!({
        "task": "transcribe",
        "language": model.language(),
        "duration": found.duration,
        "text": found.text,
        "segments": found.segments.iter().enumerate().map(segment).collect::<Vec<_>>(),
        "usage": usage(found),
    })
}

/// SubRip.
fn srt(segments: &[Spoken]) -> String {
    let mut out = String::new();
    for (number, Spoken { span, text }) in (1..).zip(segments) {
        let (start, end) = (time(span.start, ','), time(span.end, ','));
        // Writing to a string never fails.
        let _ = write!(out, "{number}\n{start} --> {end}\n{text}\n\n");
    }
    out
}

/// WebVTT.
fn vtt(segments: &[Spoken]) -> String {
    let mut out = "WEBVTT\n\n".to_owned();
    for Spoken { span, text } in segments {
        let _ = write!(out, "{} --> {}\n{text}\n\n", time(span.start, '.'), time(span.end, '.'));
    }
    out
}

/// `hours:minutes:seconds`, with thousandths behind `point`.
fn time(seconds: f64, point: char) -> String {
    let all = (seconds * 1000.0).round() as u64;
    let (seconds, thousandths) = (all / 1000, all % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}{point}{thousandths:03}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::voice_activity::Span;

    #[test]
    fn subtitles_have_the_times_of_their_formats() {
        let span = Span { start: 3725.0625, end: 3726.9999 };
        let segments = [Spoken { span, text: "Hello.".to_owned() }];
        assert_eq!(srt(&segments), "1\n01:02:05,063 --> 01:02:07,000\nHello.\n\n");
        assert_eq!(vtt(&segments), "WEBVTT\n\n01:02:05.063 --> 01:02:07.000\nHello.\n\n");
    }
}
