use std::collections::BTreeMap;
use std::path::Path;

use pilotlight_recognizers::RecognizerOptions;
use serde::Deserialize;

use crate::files::{inside, largest_file, read_regular};
use crate::json::without_bom;
use crate::manifest::{
    File, MANIFEST_FILE, SampleOptions, SpeechFiles, default_labels, default_onnx_file,
};
use crate::{
    Activation, CONFIG_FILE, Choices, Limits, Manifest, ModelError, Pooling, ProblemType,
    TOKENIZER_FILE, Task,
};

/// SPDX's word for a license that nobody has stated.
const NO_LICENSE: &str = "NOASSERTION";

/// A manifest in which each key may be missing: `model.toml` as users write it. What is missing is
/// detected.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Draft {
    pub(crate) name: Option<String>,
    pub(crate) task: Option<Task>,
    pub(crate) max_length: Option<usize>,
    pub(crate) onnx_file: Option<String>,
    pub(crate) outputs: Option<Vec<String>>,
    pub(crate) problem_type: Option<ProblemType>,
    pub(crate) activation: Option<Activation>,
    pub(crate) pooling: Option<Pooling>,
    pub(crate) normalize: Option<bool>,
    pub(crate) lower_case: Option<bool>,
    pub(crate) include_prompt: Option<bool>,
    pub(crate) prompts: Option<BTreeMap<String, String>>,
    pub(crate) default_prompt: Option<String>,
    pub(crate) crf_transitions: Option<String>,
    pub(crate) playground: Option<bool>,
    pub(crate) labels: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) attribution: Option<String>,
    pub(crate) origin: Option<String>,
    pub(crate) limits: Option<DraftLimits>,
    pub(crate) sample: Option<SampleOptions>,
    pub(crate) speech: Option<SpeechFiles>,
    pub(crate) recognizers: Option<RecognizerOptions>,
    pub(crate) files: BTreeMap<String, File>,
}

/// Limits of which each may be missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct DraftLimits {
    max_body_bytes: Option<usize>,
    max_inputs: Option<usize>,
}

impl DraftLimits {
    fn finish(self, task: Task) -> Limits {
        let default = Limits::of(task);
        Limits {
            max_body_bytes: self.max_body_bytes.unwrap_or(default.max_body_bytes),
            max_inputs: self.max_inputs.unwrap_or(default.max_inputs),
        }
    }
}

/// `model.toml` of a folder: what it says, and its text.
pub(crate) fn read_manifest(folder: &Path) -> Result<String, ModelError> {
    let file = folder.join(MANIFEST_FILE);
    let bytes = read_regular((folder, &file), largest_file(MANIFEST_FILE))?;
    let mistake = |message| ModelError::Manifest { path: file.clone(), message };
    let text = str::from_utf8(without_bom(&bytes)).map_err(|error| mistake(error.to_string()))?;
    Ok(text.to_owned())
}

/// Digests by the one form that a name has; an error where two forms of a name have two digests.
pub(crate) fn plain_names(
    folder: &Path,
    files: BTreeMap<String, File>,
) -> Result<BTreeMap<String, File>, ModelError> {
    let mut plain = BTreeMap::new();
    for (name, listed) in files {
        let name = inside(&name)?;
        let former: Option<File> = plain.insert(name.clone(), listed.clone());
        if former.is_some_and(|former| former != listed) {
            let message = format!("[files] has two digests of {name}");
            return Err(ModelError::Manifest { path: folder.join(MANIFEST_FILE), message });
        }
    }
    Ok(plain)
}

impl Draft {
    /// Parses `model.toml`.
    ///
    /// # Errors
    /// [`ModelError::Manifest`] with the place and the mistake.
    pub(crate) fn parse(folder: &Path, text: &str) -> Result<Self, ModelError> {
        let mistake = |error: toml::de::Error| ModelError::Manifest {
            path: folder.join(MANIFEST_FILE),
            message: error.to_string().trim().to_owned(),
        };
        let mut draft: Self = toml::from_str(text).map_err(mistake)?;
        draft.files = plain_names(folder, std::mem::take(&mut draft.files))?;
        draft.onnx_file = draft.onnx_file.as_deref().map(inside).transpose()?;
        if let Some(SpeechFiles { decoder, tokens, voice_activity, .. }) = &mut draft.speech {
            for name in [decoder, tokens, voice_activity] {
                *name = inside(name)?;
            }
        }
        Ok(draft)
    }

    /// The same, but for what a user chooses.
    pub(crate) fn choosing(mut self, choices: &Choices) -> Result<Self, ModelError> {
        self.task = choices.task.or(self.task);
        self.name = choices.name.clone().or(self.name);
        if let Some(file) = &choices.onnx_file {
            let file = inside(file)?;
            // Another graph may have other outputs.
            if self.onnx_file.as_ref() != Some(&file) {
                self.outputs = None;
            }
            self.onnx_file = Some(file);
        }
        Ok(self)
    }

    /// Whether nothing remains to be detected.
    pub(crate) fn is_complete(&self) -> bool {
        let lists = |file: &str| self.files.contains_key(file);
        let Some(task) = self.task else { return false };
        if self.name.is_none() || self.license.is_none() || !lists(&self.graph()) {
            return false;
        }
        if !task.reads_text() {
            let has_limit = self.limits.is_some_and(|limits| limits.max_body_bytes.is_some());
            return self.outputs.is_some() && has_limit && self.speech_files().all(lists);
        }
        let has_text = self.max_length.is_some() && lists(TOKENIZER_FILE);
        has_text
            && match task {
                Task::TokenClassification => lists(CONFIG_FILE),
                Task::TextClassification => self.outputs.is_some() && self.problem_type.is_some(),
                Task::SentenceEmbeddings | Task::SentenceSimilarity => {
                    self.outputs.is_some() && self.pooling.is_some() && self.normalize.is_some()
                }
                _ => self.outputs.is_some(),
            }
    }

    /// The files of a speech model beside its encoder.
    pub(crate) fn speech_files(&self) -> impl Iterator<Item = &str> {
        self.speech.iter().flat_map(SpeechFiles::names)
    }

    fn graph(&self) -> String {
        self.onnx_file.clone().unwrap_or_else(default_onnx_file)
    }

    /// The manifest, once name and task are there.
    ///
    /// # Errors
    /// The key and the mistake, in words.
    pub(crate) fn finish(self) -> Result<Manifest, String> {
        let missing = |key: &str| format!("{key} is missing");
        let task = self.task.ok_or_else(|| missing("task"))?;
        let manifest = Manifest {
            onnx_file: self.graph(),
            name: self.name.ok_or_else(|| missing("name"))?,
            task,
            max_length: self.max_length,
            outputs: self.outputs.unwrap_or_default(),
            problem_type: self.problem_type,
            activation: self.activation,
            pooling: self.pooling,
            normalize: self.normalize,
            lower_case: self.lower_case,
            include_prompt: self.include_prompt,
            default_prompt: self.default_prompt,
            crf_transitions: self.crf_transitions,
            playground: self.playground,
            labels: self.labels.unwrap_or_else(default_labels),
            license: self.license.unwrap_or_else(|| NO_LICENSE.to_owned()),
            attribution: self.attribution,
            origin: self.origin,
            prompts: self.prompts.unwrap_or_default(),
            limits: self.limits.unwrap_or_default().finish(task),
            sample: self.sample,
            speech: self.speech,
            recognizers: self.recognizers,
            files: self.files,
        };
        manifest.check()?;
        Ok(manifest)
    }
}
