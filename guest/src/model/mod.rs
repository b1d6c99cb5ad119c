//! A model folder in memory: tokenizer, graph and configuration, checked to fit each other. Errors name the file and the
//! reason.
//! Used by `tasks` and everything above. Does not know tasks or HTTP.

mod error;
mod graph;
mod speech;
mod tensors;
mod transitions;
mod voice;

use std::time::{Duration, Instant};

use pilotlight_model::{
    CONFIG_FILE, Labels, MANIFEST_FILE, Manifest, ModelConfig, ModelFolder, TOKENIZER_FILE, Task,
    without_bom,
};
use pilotlight_recognizers::Recognizers;
use serde_json::Value;

pub use self::error::LoadError;
use self::graph::{any_graph, encoder};
pub use self::speech::{LONGEST_SECONDS, SpeechModel, TokenTexts};
pub use self::tensors::TensorsModel;
pub use self::transitions::{Transitions, TransitionsError};
pub use self::voice::{VoiceModel, VoiceState};
use crate::api::ApiError;
use crate::engine::{Encoder, Engine, Matrix, Output, Placement, Sequence};
use crate::text::{Piece, Token, Tokenizer};

/// Tokens of a sequence where the manifest says nothing.
const MAX_LENGTH: usize = 512;

/// What a request took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Spent in the tokenizer.
    pub tokenization: Duration,
    /// Spent in the model.
    pub inference: Duration,
    /// Tokens that the model read, special ones included.
    pub tokens: usize,
}

/// A tokenizer and a graph that reads its tokens.
pub struct TextModel {
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// The graph.
    pub encoder: Encoder,
    /// Names of the columns of a classifier.
    pub labels: Labels,
    /// How likely one label follows another, where the folder has that.
    pub transitions: Option<Transitions>,
    /// Whether the model was trained with transitions between labels.
    pub has_transitions: bool,
    /// The token that stands for a gap.
    pub mask_token: Option<String>,
    /// What finds identifiers beside the model, where the folder asks for it.
    pub recognizers: Option<Recognizers>,
    /// What the folder says of the model.
    pub manifest: Manifest,
    /// Longest sequence, special tokens included.
    pub max_length: usize,
}

/// What computes a model.
pub enum Model {
    /// It reads texts.
    Text(Box<TextModel>),
    /// It reads audio, frame by frame.
    Voice(Box<VoiceModel>),
    /// It writes down speech.
    Speech(Box<SpeechModel>),
    /// It reads tensors.
    Tensors(TensorsModel),
}

impl Usage {
    /// Runs `infer` and counts its time.
    pub fn infer<T>(&mut self, infer: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = infer();
        self.inference += start.elapsed();
        result
    }
}

impl Model {
    /// Reads and checks the model in `folder`, computed where `placement` says.
    ///
    /// # Errors
    /// [`LoadError`] naming the file and the reason.
    pub fn load(folder: &ModelFolder, placement: Placement) -> Result<Self, LoadError> {
        match folder.manifest().task {
            Task::Tensors => {
                let sample = folder.manifest().sample.clone().unwrap_or_default();
                let model = TensorsModel::new(any_graph(folder, placement)?, sample.shapes);
                let unfit = |reason| LoadError::Mismatch { file: MANIFEST_FILE.to_owned(), reason };
                model.map(Self::Tensors).map_err(unfit)
            }
            Task::VoiceActivityDetection => {
                let voice = VoiceModel::new(any_graph(folder, placement)?);
                let file = || folder.manifest().onnx_file.clone();
                let voice = voice.map_err(|reason| LoadError::Mismatch { file: file(), reason })?;
                Ok(Self::Voice(Box::new(voice)))
            }
            Task::AutomaticSpeechRecognition => {
                SpeechModel::load(folder, placement).map(|model| Self::Speech(Box::new(model)))
            }
            _ => TextModel::load(folder, placement).map(|model| Self::Text(Box::new(model))),
        }
    }

    /// The model, if it reads texts.
    pub fn text(&self) -> Option<&TextModel> {
        match self {
            Self::Text(model) => Some(model),
            Self::Voice(_) | Self::Speech(_) | Self::Tensors(_) => None,
        }
    }

    /// What computes the graph, if it is called with its own tensors.
    pub fn engine(&self) -> Option<&dyn Engine> {
        match self {
            Self::Text(_) => None,
            Self::Voice(model) => Some(model.engine()),
            Self::Speech(model) => Some(model.engine()),
            Self::Tensors(model) => Some(model.engine()),
        }
    }

    /// Where it computes: `guest` or `host`.
    pub fn place(&self) -> &'static str {
        match self {
            Self::Text(model) => model.encoder.place(),
            Self::Voice(model) => model.engine().place(),
            Self::Speech(model) => model.engine().place(),
            Self::Tensors(model) => model.engine().place(),
        }
    }
}

impl TextModel {
    fn load(folder: &ModelFolder, placement: Placement) -> Result<Self, LoadError> {
        let manifest = folder.manifest();
        let config = config(folder)?;
        let max_length = manifest.max_length.unwrap_or(MAX_LENGTH);
        let expected = expected_columns(manifest.task, &config);
        let (encoder, vocabulary) =
            encoder(folder, (expected, config.first_position()), max_length, placement)?;
        // After the model: its many small blocks fill what loading the model left free, and memory
        // of which half is in use can be mapped instead of copied (Wasmtime's rule).
        let tokenizer = Tokenizer::load(without_bom(&folder.read(TOKENIZER_FILE)?), max_length)?;
        check_vocabulary(&tokenizer, folder, vocabulary.or(config.vocabulary()))?;
        let longest = Sequence { ids: vec![0; max_length], type_ids: vec![0; max_length] };
        let outputs = encoder.run(&[longest]).map_err(|error| {
            let reason = format!("cannot read max-length = {max_length} tokens: {error}");
            LoadError::Mismatch { file: manifest.onnx_file.clone(), reason }
        })?;
        let columns = outputs.first().and_then(|outputs| outputs.first()).map(Matrix::columns);
        let labels = labels(manifest.task, &config, columns.unwrap_or_default(), folder)?;
        let transitions = match &manifest.crf_transitions {
            Some(file) => Some(transitions(folder, file, labels.names().len())?),
            None => None,
        };
        let mask_token = mask_token(folder, &tokenizer)?;
        let has_transitions = config.has_transitions();
        let recognizers = manifest.recognizers.as_ref().map(Recognizers::new).transpose()?;
        let manifest = manifest.clone();
        Ok(Self {
            tokenizer,
            encoder,
            labels,
            transitions,
            has_transitions,
            mask_token,
            recognizers,
            manifest,
            max_length,
        })
    }

    /// Puts parts together that fit each other: `labels` names the columns of the encoder's output.
    pub fn from_parts(
        tokenizer: Tokenizer,
        encoder: Encoder,
        labels: Vec<String>,
        manifest: Manifest,
    ) -> Self {
        Self {
            max_length: manifest.max_length.unwrap_or(MAX_LENGTH),
            labels: Labels::new(labels),
            transitions: None,
            has_transitions: false,
            mask_token: None,
            recognizers: None,
            tokenizer,
            encoder,
            manifest,
        }
    }

    /// Tokens of a text.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for a text that cannot be tokenized.
    pub fn tokens(&self, text: &str, usage: &mut Usage) -> Result<Vec<Token>, ApiError> {
        let start = Instant::now();
        let tokens = self.tokenizer.encode(text);
        usage.tokenization += start.elapsed();
        tokens.map_err(|error| ApiError::Invalid(error.to_string()))
    }

    /// Tokens of a text as the tokenizer tells them, with or without special tokens around it.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for a text that cannot be tokenized.
    pub fn pieces(
        &self,
        text: &str,
        special: bool,
        usage: &mut Usage,
    ) -> Result<Vec<Piece>, ApiError> {
        let start = Instant::now();
        let pieces = self.tokenizer.pieces(text, special);
        usage.tokenization += start.elapsed();
        pieces.map_err(|error| ApiError::Invalid(error.to_string()))
    }

    /// The text that ids spell, with or without special tokens.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for ids that the tokenizer does not have.
    pub fn spell(&self, ids: &[u32], skip_special: bool) -> Result<String, ApiError> {
        let known = self.tokenizer.vocabulary();
        if let Some(id) = ids.iter().find(|id| **id as usize >= known) {
            let message = format!("token id {id} is not below {known}, the size of the vocabulary");
            return Err(ApiError::Invalid(message));
        }
        let text = self.tokenizer.decode_ids(ids, skip_special);
        text.map_err(|error| ApiError::Invalid(error.to_string()))
    }

    /// The outputs of each sequence.
    ///
    /// # Errors
    /// [`ApiError`] for what the engine says.
    pub fn run(
        &self,
        sequences: &[Sequence],
        usage: &mut Usage,
    ) -> Result<Vec<Vec<Matrix>>, ApiError> {
        usage.tokens += sequences.iter().map(|sequence| sequence.ids.len()).sum::<usize>();
        usage.infer(|| self.encoder.run(sequences)).map_err(ApiError::from)
    }

    /// The first output of each sequence, which has rows for what [`Self::output`] says.
    ///
    /// # Errors
    /// [`ApiError`] for what the engine says.
    pub fn run_one(
        &self,
        sequences: &[Sequence],
        usage: &mut Usage,
    ) -> Result<Vec<Matrix>, ApiError> {
        self.run_output(0, sequences, usage)
    }

    /// The output at this place of each sequence.
    ///
    /// # Errors
    /// [`ApiError`] for what the engine says.
    pub fn run_output(
        &self,
        place: usize,
        sequences: &[Sequence],
        usage: &mut Usage,
    ) -> Result<Vec<Matrix>, ApiError> {
        let outputs = self.run(sequences, usage)?.into_iter();
        let wanted: Option<_> = outputs.map(|outputs| outputs.into_iter().nth(place)).collect();
        wanted.ok_or_else(|| ApiError::Internal("the graph has no output".to_owned()))
    }

    /// What the first output has rows for.
    pub fn output(&self) -> Option<Output> {
        self.encoder.outputs().first().copied()
    }

    /// The place of the first output that has rows for tokens.
    pub fn token_output(&self) -> Option<usize> {
        self.encoder.outputs().iter().position(|output| *output == Output::PerToken)
    }
}

/// What `config.json` says; nothing if the folder has none.
fn config(folder: &ModelFolder) -> Result<ModelConfig, LoadError> {
    if !folder.lists(CONFIG_FILE) {
        return Ok(ModelConfig::default());
    }
    ModelConfig::parse(&folder.read(CONFIG_FILE)?).map_err(LoadError::Config)
}

/// Columns of the output, as far as the configuration tells before the graph is read.
fn expected_columns(task: Task, config: &ModelConfig) -> Option<usize> {
    let labels = || config.labels(None).map(|labels| labels.len());
    if has_labels(task) { labels() } else { None }
}

/// Whether the columns of the graph's output are labels.
fn has_labels(task: Task) -> bool {
    matches!(
        task,
        Task::TokenClassification
            | Task::TextClassification
            | Task::ZeroShotClassification
            | Task::Reranking
    )
}

fn labels(
    task: Task,
    config: &ModelConfig,
    columns: usize,
    folder: &ModelFolder,
) -> Result<Labels, LoadError> {
    if !has_labels(task) {
        return Ok(Labels::new(Vec::new()));
    }
    let labels = config.labels(Some(columns)).unwrap_or_default();
    // Columns behind those of labels are those of states that a sequence begins and ends with.
    let fits = labels.len() == columns || labels.len() < columns && config.has_transitions();
    if labels.is_empty() || !fits {
        let onnx = &folder.manifest().onnx_file;
        let reason = format!("{} labels, but {onnx} gives {columns}", labels.len());
        return Err(LoadError::Mismatch { file: CONFIG_FILE.to_owned(), reason });
    }
    Ok(Labels::new(labels))
}

/// Names of the token that stands for a gap where no file names it.
const MASK_TOKENS: [&str; 2] = ["[MASK]", "<mask>"];
/// Files that may name it.
const TOKEN_FILES: [&str; 2] = ["tokenizer_config.json", "special_tokens_map.json"];

fn mask_token(folder: &ModelFolder, tokenizer: &Tokenizer) -> Result<Option<String>, LoadError> {
    for file in TOKEN_FILES.into_iter().filter(|file| folder.lists(file)) {
        let bytes = folder.read(file)?;
        let value: Value = serde_json::from_slice(without_bom(&bytes)).unwrap_or_default();
        // A string, or an added token.
        let named = value["mask_token"].as_str().or(value["mask_token"]["content"].as_str());
        if let Some(named) = named.filter(|named| tokenizer.id(named).is_some()) {
            return Ok(Some(named.to_owned()));
        }
    }
    let known = MASK_TOKENS.into_iter().find(|name| tokenizer.id(name).is_some());
    Ok(known.map(str::to_owned))
}

fn transitions(folder: &ModelFolder, file: &str, labels: usize) -> Result<Transitions, LoadError> {
    let transitions = Transitions::read(&folder.read(file)?, labels);
    transitions.map_err(|error| LoadError::Transitions { file: file.to_owned(), error })
}

fn check_vocabulary(
    tokenizer: &Tokenizer,
    folder: &ModelFolder,
    rows: Option<usize>,
) -> Result<(), LoadError> {
    let ids = tokenizer.vocabulary();
    // Spare rows are common: models are padded to round sizes, or keep rows for tokens to come.
    match rows {
        Some(rows) if rows < ids => Err(LoadError::Mismatch {
            file: TOKENIZER_FILE.to_owned(),
            reason: format!("{ids} token ids, but {} embeds {rows}", folder.manifest().onnx_file),
        }),
        _ => Ok(()),
    }
}
