//! Vosk's protocol (alphacep/vosk-server): binary messages of mono PCM, 16 bits, each of which is answered by
//! one message, and `{"config": …}` before and `{"eof": 1}` behind them. Each element of `result` is a segment. A
//! model that only tells voice activity has no words: `text` and `partial` are empty.

use pilotlight_audio::{Encoding, Format, Reader};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::session_of;
use super::stream::NDJSON;
use crate::api::{ApiError, parse};
use crate::dialects::route::Target;
use crate::dialects::session::{Message, Messages, Opened, Session};
use crate::function::Function;
use crate::model::Usage;
use crate::tasks::speech_recognition::{Heard, SpeechSession, Spoken};
use crate::tasks::voice_activity::{Parameters, Span};

/// What Vosk's server assumes unless it is told.
const DEFAULT_RATE: f64 = 16_000.0;

/// A message of text. Other keys are for Vosk's recognizers.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Control {
    config: Option<Config>,
    eof: Option<Value>,
    reset: Option<Value>,
}

/// Other keys, such as `words` and `phrase_list`, choose among words.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    sample_rate: Option<f64>,
}

struct Vosk<'a> {
    messages: Messages,
    inner: Recognizer<'a>,
}

struct Recognizer<'a> {
    function: &'a Function,
    rate: f64,
    /// Begins with the first audio.
    hearing: Option<SpeechSession<'a>>,
    /// What has been said of the speech that goes on.
    partial: String,
    is_over: bool,
}

/// What a message has been answered with.
#[derive(Default)]
struct Told {
    probabilities: Vec<f32>,
    is_speech: bool,
    segments: Vec<Ended>,
    texts: Vec<String>,
    partial: String,
}

/// Speech that has ended, with words or without.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Ended {
    Span(Span),
    Spoken(Spoken),
}

/// Begins a session.
///
/// # Errors
/// None: what is wrong is told when audio comes.
pub(super) fn open<'a>(function: &'a Function, _: &Target) -> Result<Opened<'a>, ApiError> {
    let partial = String::new();
    let inner = Recognizer { function, rate: DEFAULT_RATE, hearing: None, partial, is_over: false };
    let session = Box::new(Vosk { messages: Messages::default(), inner });
    Ok(Opened { content_type: NDJSON, session })
}

impl Told {
    fn take(&mut self, heard: Heard) {
        match heard {
            Heard::Frame { probability, is_speech, .. } => {
                self.probabilities.push(probability);
                self.is_speech = is_speech;
            }
            Heard::Partial { text, .. } => self.partial = text,
            Heard::Segment { segment, text: None } => {
                self.segments.push(Ended::Span(segment.into()));
            }
            Heard::Segment { segment, text: Some(text) } => {
                self.partial.clear();
                self.texts.extend((!text.is_empty()).then(|| text.clone()));
                self.segments.push(Ended::Spoken(Spoken { span: segment.into(), text }));
            }
        }
    }

    /// The answer to a message of audio.
    fn answer(&self) -> Value {
        let Self { probabilities, is_speech, segments, texts, partial } = self;
        match segments.is_empty() {
            true => {
                json!({"partial": partial, "probabilities": probabilities, "speech": is_speech})
            }
            false => json!({
                "result": segments, "text": texts.join(" "),
                "probabilities": probabilities, "speech": is_speech,
            }),
        }
    }

    /// The answer to the end of audio.
    fn last(&self) -> Value {
        let Self { probabilities, segments, texts, .. } = self;
        json!({"result": segments, "text": texts.join(" "), "probabilities": probabilities})
    }
}

impl<'a> Recognizer<'a> {
    fn message(
        &mut self,
        message: Message,
        usage: &mut Usage,
        out: &mut Vec<u8>,
    ) -> Result<(), ApiError> {
        match message {
            // What comes behind the end belongs to nothing.
            _ if self.is_over => Ok(()),
            Message::Binary(audio) => self.audio(&audio, usage, out),
            Message::Text(text) => self.control(&text, usage, out),
        }
    }

    fn audio(
        &mut self,
        audio: &[u8],
        usage: &mut Usage,
        out: &mut Vec<u8>,
    ) -> Result<(), ApiError> {
        let mut told = Told { partial: std::mem::take(&mut self.partial), ..Told::default() };
        self.hearing()?.push(audio, usage, &mut |heard| told.take(heard))?;
        write(&told.answer(), out);
        self.partial = told.partial;
        Ok(())
    }

    fn control(
        &mut self,
        text: &str,
        usage: &mut Usage,
        out: &mut Vec<u8>,
    ) -> Result<(), ApiError> {
        let Control { config, eof, reset } = parse(text.as_bytes())?;
        if let Some(rate) = config.and_then(|config| config.sample_rate) {
            if self.hearing.is_some() {
                let message = "sample_rate cannot change while audio is sent";
                return Err(ApiError::Invalid(message.to_owned()));
            }
            self.rate = rate;
        }
        if eof.is_some() || reset.is_some() {
            self.end(usage, out)?;
            self.is_over = eof.is_some();
        }
        Ok(())
    }

    /// Tells what is left of the audio so far.
    fn end(&mut self, usage: &mut Usage, out: &mut Vec<u8>) -> Result<(), ApiError> {
        let mut told = Told::default();
        self.partial.clear();
        if let Some(mut hearing) = self.hearing.take() {
            hearing.finish(usage, &mut |heard| told.take(heard))?;
        }
        write(&told.last(), out);
        Ok(())
    }

    fn hearing(&mut self) -> Result<&mut SpeechSession<'a>, ApiError> {
        if self.hearing.is_none() {
            let rate = self.rate as u32;
            let format = Format { encoding: Encoding::S16, channels: 1, rate };
            let reader =
                Reader::pcm(format).map_err(|error| ApiError::Invalid(error.to_string()))?;
            self.hearing = Some(session_of(self.function, reader, &Parameters::default())?);
        }
        let missing = || ApiError::Internal("there is no session".to_owned());
        self.hearing.as_mut().ok_or_else(missing)
    }
}

impl Session for Vosk<'_> {
    fn push(&mut self, bytes: &[u8], usage: &mut Usage, out: &mut Vec<u8>) -> Result<(), ApiError> {
        let Self { messages, inner } = self;
        messages.push(bytes, |message| inner.message(message, usage, out))
    }

    /// The connection has been closed: nobody reads what would be told.
    fn finish(&mut self, _: &mut Usage, _: &mut Vec<u8>) -> Result<(), ApiError> {
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.inner.is_over
    }

    fn fail(&self, error: &ApiError, out: &mut Vec<u8>) {
        write(&json!({"error": error.to_string(), "error_type": error.error_type()}), out);
    }
}

fn write(line: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(line.to_string().as_bytes());
    out.push(b'\n');
}
