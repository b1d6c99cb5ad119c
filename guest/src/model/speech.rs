//! The graphs of a speech model: encoder, decoder, and voice activity.
//! Used by `model`. Does not know tasks or HTTP.

mod tokens;

use pilotlight_audio::RATE;
use pilotlight_model::ModelFolder;

pub use tokens::TokenTexts;

use super::graph::{any_graph, voice_graph};
use super::{LoadError, Usage, VoiceModel};
use crate::api::ApiError;
use crate::engine::{Element, Engine, Placement, Tensor};

/// Inputs of the engine, in this order: f32 `[1, samples]` at 16 kHz, and i64 `[1]` each.
const INPUTS: [&str; 4] = ["input_values", "start_token", "end_token", "max_tokens"];
const START: i64 = 1;
const END: i64 = 2;
/// Moonshine says no more in half a second; a model that repeats itself would go on.
const TOKENS_IN_TWO_SECONDS: usize = 13;
/// The first layers of the encoder need so many samples; shorter audio is filled up with silence.
const SHORTEST: usize = 1_600;
/// Longest audio of a call: the model has learned from no longer one.
pub const LONGEST_SECONDS: u32 = 30;

/// A model that writes down speech.
pub struct SpeechModel {
    engine: Box<dyn Engine>,
    voice: VoiceModel,
    tokens: TokenTexts,
    language: Option<String>,
}

impl SpeechModel {
    /// Loads the model in `folder`, and has it hear a second of silence.
    ///
    /// # Errors
    /// [`LoadError`] naming the file and the reason.
    pub(super) fn load(folder: &ModelFolder, placement: Placement) -> Result<Self, LoadError> {
        let Some(files) = &folder.manifest().speech else {
            return Err(LoadError::Variant("the folder names no files of a speech model"));
        };
        let mismatch = |file: &str| {
            let file = file.to_owned();
            move |reason: String| LoadError::Mismatch { file, reason }
        };
        let encoder = &folder.manifest().onnx_file;
        let tokens = TokenTexts::read(&folder.read(&files.tokens)?);
        let tokens = tokens.map_err(mismatch(&files.tokens))?;
        let voice = VoiceModel::new(voice_graph(&placement)?);
        let voice = voice.map_err(mismatch(&files.voice_activity))?;
        let model = Self::new(any_graph(folder, placement)?, voice, tokens);
        let model = model.map_err(mismatch(encoder))?.in_language(files.language.clone());
        let tried = model.transcribe(&[0.0; RATE as usize], &mut Usage::default());
        tried.map_err(|error| mismatch(encoder)(format!("does not work on silence: {error}")))?;
        Ok(model)
    }

    /// Puts together what generates tokens, what tells voice activity, and the texts of tokens.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn new(
        engine: Box<dyn Engine>,
        voice: VoiceModel,
        tokens: TokenTexts,
    ) -> Result<Self, String> {
        let names: Vec<&str> = engine.inputs().iter().map(|port| &port.name[..]).collect();
        if names != INPUTS {
            return Err(format!("its inputs must be {INPUTS:?}, not {names:?}"));
        }
        Ok(Self { engine, voice, tokens, language: None })
    }

    /// The same, of a language.
    #[must_use]
    pub fn in_language(self, language: Option<String>) -> Self {
        Self { language, ..self }
    }

    /// The language that it writes, where the folder says it (ISO 639-1).
    pub fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    /// What generates tokens.
    pub fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// What tells voice activity.
    pub fn voice(&self) -> &VoiceModel {
        &self.voice
    }

    /// What is said in audio: mono samples at 16 kHz, at most [`LONGEST_SECONDS`].
    ///
    /// # Errors
    /// [`ApiError`] for longer audio, and for what the engine says.
    pub fn transcribe(&self, samples: &[f32], usage: &mut Usage) -> Result<String, ApiError> {
        let most = (LONGEST_SECONDS * RATE) as usize;
        if samples.len() > most {
            let message = format!("speech of {} samples at once; at most {most}", samples.len());
            return Err(ApiError::Invalid(message));
        }
        let silence = vec![0.0; SHORTEST.saturating_sub(samples.len())];
        let length = samples.len() + silence.len();
        let number = |value: i64| Tensor::of_i64(vec![1], std::iter::once(value));
        let most_tokens = (length * TOKENS_IN_TWO_SECONDS).div_ceil(2 * RATE as usize);
        let inputs = vec![
            Tensor::of_f32(vec![1, length], [samples, &silence].into_iter()),
            number(START),
            number(END),
            number(most_tokens as i64),
        ];
        let outputs = usage.infer(|| self.engine.run(inputs))?;
        let tokens = outputs.first().map(|(_, tensor)| tensor);
        let tokens = tokens.filter(|tensor| tensor.element == Element::I64);
        let tokens =
            tokens.ok_or_else(|| ApiError::Internal("the graph returned no tokens".to_owned()))?;
        let (ids, _) = tokens.bytes.as_chunks::<8>();
        usage.tokens += ids.len();
        let ids = ids.iter().map(|id| i64::from_le_bytes(*id));
        Ok(self.tokens.text(ids.take_while(|id| *id != END)))
    }
}
