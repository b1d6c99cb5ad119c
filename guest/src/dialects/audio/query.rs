//! What the head of a request says of its audio: the query, and the media type.

use pilotlight_audio::{Encoding, Format, Reader};

use crate::api::ApiError;
use crate::dialects::route::Target;
use crate::tasks::voice_activity::{DEFAULT_FORMAT, Parameters};

/// Media types of WAV files.
const WAV: [&str; 5] =
    ["audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/x-pn-wav"];
/// Media types of PCM, and those that say nothing.
const PCM: [&str; 5] = [
    "audio/pcm",
    "audio/x-raw",
    "application/octet-stream",
    // What clients send unless told.
    "application/x-www-form-urlencoded",
    "",
];

/// Media types of audio, as the OpenAPI document lists them.
#[cfg(feature = "schema")]
pub(super) const MEDIA_TYPES: [&str; 3] = ["audio/wav", "audio/pcm", "application/octet-stream"];

/// Keys of the query, and what they are.
#[cfg(feature = "schema")]
pub(super) const PARAMETERS: &[(&str, &str)] = &[
    ("encoding", "wav, s16le or f32le; found out unless given"),
    ("sample_rate", "of PCM, in Hz; 16000 unless given"),
    ("channels", "of PCM, 1 or 2; 1 unless given"),
    ("frames", "whether each frame is told; true unless given"),
    ("partials", "whether text of speech that goes on is told; true unless given"),
    ("threshold", "probability at which speech begins; 0.5 unless given"),
    ("negative_threshold", "probability below which speech ends"),
    ("min_speech_ms", "shorter speech is left out; 250 unless given"),
    ("min_silence_ms", "shorter silence ends no segment; 100, and 500 for text, unless given"),
    ("pad_ms", "what a segment includes around it; 30, and 200 for text, unless given"),
    ("max_speech_ms", "longer segments are cut; 15000 for text unless given"),
];

/// What is asked for.
#[derive(Debug)]
pub(in crate::dialects) struct Asked {
    /// What reads the body.
    pub(in crate::dialects) reader: Reader,
    /// Whether each frame is told, not only segments.
    pub(super) frames: bool,
    /// Whether text of speech that goes on is told.
    pub(super) partials: bool,
    /// What is called speech.
    pub(in crate::dialects) parameters: Parameters,
}

impl Asked {
    /// Reads the head of a request.
    ///
    /// # Errors
    /// [`ApiError::UnsupportedMediaType`], and [`ApiError::InvalidKey`] naming the key of the query.
    pub(in crate::dialects) fn of(target: &Target) -> Result<Self, ApiError> {
        let mut encoding: Option<String> = None;
        let (mut format, mut frames, mut partials) = (DEFAULT_FORMAT, true, true);
        let (media_type, rate, channels) = media_type(target.content_type.as_deref())?;
        format.rate = rate.unwrap_or(format.rate);
        format.channels = channels.unwrap_or(format.channels);
        let mut parameters = Parameters::default();
        for (name, value) in target.query() {
            match &name[..] {
                "encoding" => encoding = Some(value),
                "sample_rate" => format.rate = number("sample_rate", &value)?,
                "channels" => format.channels = number("channels", &value)?,
                "frames" => frames = number("frames", &value)?,
                "partials" => partials = number("partials", &value)?,
                "threshold" => parameters.threshold = Some(number("threshold", &value)?),
                "negative_threshold" => {
                    parameters.negative_threshold = Some(number("negative_threshold", &value)?);
                }
                "min_speech_ms" => {
                    parameters.min_speech_ms = Some(number("min_speech_ms", &value)?);
                }
                "min_silence_ms" => {
                    parameters.min_silence_ms = Some(number("min_silence_ms", &value)?);
                }
                "pad_ms" => parameters.pad_ms = Some(number("pad_ms", &value)?),
                "max_speech_ms" => {
                    parameters.max_speech_ms = Some(number("max_speech_ms", &value)?);
                }
                other => {
                    return Err(ApiError::Invalid(format!("{other:?} is not a key of the query")));
                }
            }
        }
        let reader = reader(encoding.as_deref(), media_type, format)?;
        Ok(Self { reader, frames, partials, parameters })
    }
}

/// Reads what the query says, the media type otherwise, and what the first bytes tell elsewhere.
fn reader(encoding: Option<&str>, is_wav: bool, format: Format) -> Result<Reader, ApiError> {
    let reader = match encoding {
        Some("wav") => Ok(Reader::wav()),
        Some("s16le") => Reader::pcm(Format { encoding: Encoding::S16, ..format }),
        Some("f32le") => Reader::pcm(Format { encoding: Encoding::F32, ..format }),
        None if is_wav => Ok(Reader::wav()),
        None => Reader::wav_or_pcm(format),
        Some(other) => {
            let message = format!("encoding {other:?} is not supported; send wav, s16le or f32le");
            return Err(ApiError::of_key("encoding", message));
        }
    };
    reader.map_err(|error| ApiError::Invalid(error.to_string()))
}

/// Whether a media type is that of WAV files; `rate` and `channels` of PCM.
fn media_type(content_type: Option<&str>) -> Result<(bool, Option<u32>, Option<u16>), ApiError> {
    let mut parts = content_type.unwrap_or_default().split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let is_one = |known: &[&str]| known.iter().any(|name| name.eq_ignore_ascii_case(essence));
    if is_one(&WAV) {
        return Ok((true, None, None));
    }
    if !is_one(&PCM) {
        return Err(ApiError::UnsupportedMediaType {
            content_type: content_type.unwrap_or_default().to_owned(),
            known: "audio/wav or audio/pcm".to_owned(),
        });
    }
    let (mut rate, mut channels) = (None, None);
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        match name.to_ascii_lowercase().as_str() {
            "rate" => rate = Some(number("rate", value)?),
            "channels" => channels = Some(number("channels", value)?),
            _ => {}
        }
    }
    Ok((false, rate, channels))
}

fn number<T: std::str::FromStr>(name: &'static str, value: &str) -> Result<T, ApiError> {
    let bad = |_| ApiError::of_key(name, format!("{name} {value:?} is not valid"));
    value.parse().map_err(bad)
}
