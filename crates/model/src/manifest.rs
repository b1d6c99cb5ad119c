use std::collections::BTreeMap;

use pilotlight_recognizers::RecognizerOptions;
use serde::{Deserialize, Serialize};

use crate::{Activation, Digest, MODEL_FILE, Pooling, ProblemType, Task};

/// Name of the manifest inside a model folder.
pub const MANIFEST_FILE: &str = "model.toml";

/// `model.toml` of a model. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// Short name: lower-case letters, digits, `-` and `.`; names the built component.
    pub name: String,
    /// Task of the model.
    pub task: Task,
    /// Maximum sequence length of the model in tokens, special tokens included; none without a
    /// tokenizer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<usize>,
    /// The graph, by its path in the folder.
    #[serde(default = "default_onnx_file")]
    pub onnx_file: String,
    /// Names of the graph's outputs that the task reads, in its order; chosen by shape if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<String>,
    /// Meaning of the scores of a text classifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem_type: Option<ProblemType>,
    /// Function applied to the scores of a cross-encoder, unless a request asks for raw scores; sigmoid by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// How the vectors of tokens become the vector of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// Whether the vectors of texts are scaled to length 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalize: Option<bool>,
    /// The prompt of requests that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_prompt: Option<String>,
    /// Whether texts become lower case before they are tokenized, where they become vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower_case: Option<bool>,
    /// Whether the tokens of a prompt count when vectors are pooled; they do unless it says no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_prompt: Option<bool>,
    /// File of a matrix that says how likely one label follows another: f32 `[labels, labels]`, NumPy's
    /// format, row: the label before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crf_transitions: Option<String>,
    /// Source of the labels; `config.json#id2label` is the only supported value.
    #[serde(default = "default_labels")]
    pub labels: String,
    /// SPDX expression of the model's license.
    pub license: String,
    /// Name to give credit to when the model is passed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<String>,
    /// Origin of the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Texts in front of a request's texts, by the names of prompts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prompts: BTreeMap<String, String>,
    /// Whether the built function has pages for browsers, at `GET /` and `GET /docs`; it has unless this
    /// says no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playground: Option<bool>,
    /// Limits of requests to the built function.
    #[serde(default)]
    pub limits: Limits,
    /// The request that every version has to answer before it serves; `tensors` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<SampleOptions>,
    /// The files of a speech model beside its encoder, which is the graph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speech: Option<SpeechFiles>,
    /// Recognizers that find identifiers beside the model, where it redacts; none without the section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recognizers: Option<RecognizerOptions>,
    /// Every file that is read, by its path in the folder.
    pub files: BTreeMap<String, File>,
}

/// A file of the folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Digest of its content.
    pub sha256: Digest,
}

/// What the sample request of a graph is like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleOptions {
    /// Shapes of inputs, by their names. Dimensions of any size of the others are found by trial.
    pub shapes: BTreeMap<String, Vec<usize>>,
}

impl SampleOptions {
    /// # Errors
    /// The shape and the mistake, in words.
    fn check(&self) -> Result<(), String> {
        let mut room = MOST_SAMPLE_ELEMENTS;
        for (name, shape) in &self.shapes {
            let volume = shape.iter().try_fold(1usize, |volume, size| volume.checked_mul(*size));
            let volume = volume.filter(|volume| (1..=room).contains(volume)).ok_or_else(|| {
                format!(
                    "sample: shape {shape:?} of {name}: all shapes together must have 1 to \
                     {MOST_SAMPLE_ELEMENTS} elements"
                )
            })?;
            room -= volume;
        }
        Ok(())
    }
}

/// Files of a speech model, by their paths in the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SpeechFiles {
    /// The decoder's graph, with the branches with and without a past merged.
    pub decoder: String,
    /// Texts of the tokens: for each id a length (a byte; from 128 on two, base 128), then so many bytes.
    pub tokens: String,
    /// A graph that tells voice activity.
    pub voice_activity: String,
    /// The language that the model writes (ISO 639-1); requests for another one are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

impl SpeechFiles {
    /// All of them.
    pub fn names(&self) -> [&str; 3] {
        [&self.decoder, &self.tokens, &self.voice_activity]
    }
}

/// Limits of the built function, fixed at build time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Limits {
    /// Maximum size of a request body, in bytes; larger ones are answered with 413.
    pub max_body_bytes: usize,
    /// Maximum number of texts in a request; more are answered with 422.
    pub max_inputs: usize,
}

impl Limits {
    /// Default limits of a task.
    #[must_use]
    pub fn of(task: Task) -> Self {
        match task {
            // A picture of 200 by 200 pixels has a megabyte in JSON.
            // So have four minutes of speech.
            Task::Tensors | Task::VoiceActivityDetection => {
                Self { max_body_bytes: 8 << 20, ..Self::default() }
            }
            // As many as OpenAI takes: thirteen minutes of WAV at 16 kHz.
            Task::AutomaticSpeechRecognition => {
                Self { max_body_bytes: 25 << 20, ..Self::default() }
            }
            _ => Self::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_body_bytes: 128 * 1024, max_inputs: 256 }
    }
}

pub(crate) fn default_onnx_file() -> String {
    MODEL_FILE.to_owned()
}

pub(crate) fn default_labels() -> String {
    LABELS_IN_CONFIG.to_owned()
}

const LABELS_IN_CONFIG: &str = "config.json#id2label";
const LONGEST_SEQUENCE: usize = 1 << 20;
/// More does not fit the largest request bodies that are usual.
const MOST_SAMPLE_ELEMENTS: usize = 1 << 22;

impl Manifest {
    /// Parses and checks a manifest.
    ///
    /// # Errors
    /// The place and the mistake, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let manifest: Self = toml::from_str(text).map_err(|e| e.to_string().trim().to_owned())?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The manifest in TOML.
    ///
    /// # Errors
    /// What TOML cannot hold, in words.
    pub(crate) fn text(&self) -> Result<String, String> {
        toml::to_string(self).map_err(|error| error.to_string())
    }

    /// Checks values that their types do not.
    ///
    /// # Errors
    /// The key and the mistake, in words.
    pub(crate) fn check(&self) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
        if self.name.is_empty() || self.name.starts_with('.') || !self.name.chars().all(plain) {
            return Err(format!(
                "name {:?} must be lower-case letters, digits, `-` and `.`",
                self.name
            ));
        }
        if let Some(length) = self.max_length.filter(|n| !(3..=LONGEST_SEQUENCE).contains(n)) {
            return Err(format!("max-length {length} must be between 3 and {LONGEST_SEQUENCE}"));
        }
        if self.labels != LABELS_IN_CONFIG {
            return Err(format!("labels {:?} must be {LABELS_IN_CONFIG:?}", self.labels));
        }
        if let Some(name) = self.default_prompt.as_ref().filter(|n| !self.prompts.contains_key(*n))
        {
            return Err(format!("default-prompt {name:?} is not one of prompts"));
        }
        let is_speech = self.task == Task::AutomaticSpeechRecognition;
        match &self.speech {
            None if is_speech => {
                return Err(format!("[speech] is missing, with the files of {}", self.task));
            }
            Some(_) if !is_speech => {
                return Err(format!("speech has no effect with the task {}", self.task));
            }
            _ => {}
        }
        if let Some(recognizers) = &self.recognizers {
            if self.task != Task::TokenClassification {
                return Err(format!("recognizers have no effect with the task {}", self.task));
            }
            recognizers.check().map_err(|error| format!("recognizers: {error}"))?;
        }
        if let Some(sample) = &self.sample {
            if self.task != Task::Tensors {
                return Err(format!("sample is of no effect: the task is {}", self.task));
            }
            sample.check()?;
        }
        if self.limits.max_body_bytes == 0 || self.limits.max_inputs == 0 {
            return Err("limits must be at least 1".to_owned());
        }
        Ok(())
    }
}
