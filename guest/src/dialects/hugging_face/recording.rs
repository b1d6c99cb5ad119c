//! Recordings as the body of a request, as hosted inference's clients send them.

use pilotlight_model::Task;

use crate::api::ApiError;
use crate::dialects::audio::Asked;
use crate::dialects::route::{Answer, Call, JSON, Target};
use crate::model::Model;
use crate::tasks::{speech_recognition, voice_activity};

/// The answer to a request whose body is a recording, as `/v1/audio/stream` reads it; `None` if the body is
/// JSON.
///
/// # Errors
/// [`ApiError::UnsupportedMediaType`] for what is not JSON where the model does not hear, and what is wrong
/// with the recording.
pub(super) fn answer(call: &mut Call<'_>, task: Task) -> Result<Option<Answer>, ApiError> {
    let model = call.function.model();
    let voice = match model {
        Model::Voice(voice) => Some(&**voice),
        Model::Speech(speech) => Some(speech.voice()),
        Model::Text(_) | Model::Tensors(_) => None,
    };
    let content_type = call.target.content_type.as_deref().unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    // huggingface_hub calls the bytes of a file JSON, too.
    let is_untyped = essence.is_empty() || essence.eq_ignore_ascii_case(JSON[0]);
    if is_untyped && (voice.is_none() || is_text(call.body)) {
        return Ok(None);
    }
    let Some(voice) = voice else {
        let (content_type, known) = (content_type.to_owned(), JSON[0].to_owned());
        return Err(ApiError::UnsupportedMediaType { content_type, known });
    };
    let content_type = (!is_untyped).then(|| content_type.to_owned());
    let Asked { reader, parameters, .. } =
        Asked::of(&Target { content_type, ..call.target.clone() })?;
    let (audio, usage) = ((reader, call.body), &mut *call.usage);
    match model {
        Model::Speech(speech) if task != Task::VoiceActivityDetection => {
            let options = speech_recognition::options(&parameters)?;
            let said = speech_recognition::transcript(speech, audio, &options, usage)?;
            Answer::json(&said).map(Some)
        }
        _ => {
            let found = voice_activity::activity(voice, audio, &parameters, usage)?;
            Answer::json(&found).map(Some)
        }
    }
}

/// Whether a body can be JSON: no file of audio is UTF-8, but for one of silence, which has its header.
fn is_text(body: &[u8]) -> bool {
    !body.starts_with(b"RIFF") && std::str::from_utf8(body).is_ok()
}
