use pilotlight_audio::SegmentOptions;
use serde::Deserialize;

use crate::api::ApiError;

/// What is called speech. The defaults are those of Silero's `get_speech_timestamps`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "VoiceActivityParameters")
)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// Speech begins at this probability; 0.5 unless given.
    pub threshold: Option<f32>,
    /// Speech ends below this probability; 0.15 below `threshold` unless given.
    pub negative_threshold: Option<f32>,
    /// Shorter speech is left out, in milliseconds; 250 unless given.
    pub min_speech_ms: Option<u32>,
    /// Shorter silence ends no segment, in milliseconds; 100 unless given.
    pub min_silence_ms: Option<u32>,
    /// What a segment includes of the silence around it, in milliseconds; 30 unless given.
    pub pad_ms: Option<u32>,
    /// Longer segments are cut, in milliseconds.
    pub max_speech_ms: Option<u32>,
}

impl Parameters {
    /// The same, checked; what is not given is that of `default`.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] naming the parameter and its range.
    pub fn options(&self, default: SegmentOptions) -> Result<SegmentOptions, ApiError> {
        let options = SegmentOptions {
            threshold: self.threshold.unwrap_or(default.threshold),
            negative_threshold: self.negative_threshold.or(default.negative_threshold),
            min_speech_ms: self.min_speech_ms.unwrap_or(default.min_speech_ms),
            min_silence_ms: self.min_silence_ms.unwrap_or(default.min_silence_ms),
            pad_ms: self.pad_ms.unwrap_or(default.pad_ms),
            max_speech_ms: self.max_speech_ms.or(default.max_speech_ms),
        };
        options.check().map_err(ApiError::Invalid)?;
        Ok(options)
    }
}
