//! Streamed audio: `POST /v1/audio/stream`, and WebSockets in Vosk's protocol. Speech models also answer the text.
//! Used by `dialects`. Does not know how models compute.

mod query;
mod stream;
mod vosk;

use std::time::Duration;

use pilotlight_audio::{Reader, SegmentOptions};
use pilotlight_model::Task;

use super::route::{Answer, Call, Handler, NOTHING, Requires, Route};
#[cfg(feature = "schema")]
use super::schema::Document;
use super::session::{SessionRoute, whole};
use crate::api::ApiError;
use crate::function::Function;
use crate::model::Model;
use crate::tasks::speech_recognition::{self, SpeechSession};
use crate::tasks::voice_activity::Parameters;

pub(super) use query::Asked;

const STREAM: &str = "/v1/audio/stream";
const VOSK: &str = "/v1/audio/vosk";
/// A frame of 512 samples at 16 kHz.
const FRAME: Duration = Duration::from_millis(32);

pub(super) const ROUTES: &[Route] = &[session(STREAM, of_stream), session(VOSK, of_vosk)];

/// Where answers are written while the audio comes.
pub(super) const SESSIONS: &[SessionRoute] = &[
    SessionRoute { path: STREAM, period: FRAME, sockets: &[], open: stream::open },
    SessionRoute { path: VOSK, period: FRAME, sockets: &["/", VOSK], open: vosk::open },
];

/// Bodies are audio of many media types, which [`query`] looks at.
const fn session(path: &'static str, answer: Handler) -> Route {
    let requires = Requires::Task(Task::VoiceActivityDetection);
    Route { reads: NOTHING, ..Route::post(path, requires, answer) }
}

fn of_stream(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    whole(call, stream::open)
}

fn of_vosk(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    whole(call, vosk::open)
}

/// A session of the model, on routes of models that hear.
fn session_of<'a>(
    function: &'a Function,
    reader: Reader,
    parameters: &Parameters,
) -> Result<SpeechSession<'a>, ApiError> {
    match function.model() {
        Model::Voice(model) => {
            let options = parameters.options(SegmentOptions::default())?;
            SpeechSession::without_words(model, reader, &options)
        }
        Model::Speech(model) => {
            SpeechSession::new(model, reader, &speech_recognition::options(parameters)?)
        }
        _ => Err(ApiError::Internal("the model does not process audio".to_owned())),
    }
}

/// Describes the routes.
#[cfg(feature = "schema")]
pub(super) fn describe(document: &mut Document) {
    use serde_json::json;
    document.tag("Audio");
    document
        .post(STREAM, "Tells voice activity, and what is said, while audio is sent.")
        .reads_in(&query::MEDIA_TYPES, query::PARAMETERS)
        .answers_lines_of::<stream::Line>(stream::NDJSON);
    document
        .post(VOSK, "Tells voice activity, and what is said, in Vosk's protocol; WebSockets at / are framed so.")
        .reads_in(&query::MEDIA_TYPES, &[])
        .answers_in(&json!({stream::NDJSON: {}}));
}
