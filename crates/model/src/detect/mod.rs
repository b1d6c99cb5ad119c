//! Detects the graph, task, outputs, limits and digests of a model folder where `model.toml` does not set them.
//! Used by `folder`. Does not run graphs.

mod descriptions;
mod length;
mod listing;
mod name;
mod outputs;
mod sentence;
mod task;
mod voice;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use self::descriptions::Descriptions;
pub use self::listing::Listing;
use self::listing::SPECIAL_TOKENS;
use crate::draft::Draft;
use crate::files::{check, digest_of, largest_file};
use crate::manifest::{File, MANIFEST_FILE, Manifest};
use crate::{
    CONFIG_FILE, Choices, GraphReader, GraphSignature, InputRole, ModelConfig, ModelError, Pooling,
    TOKENIZER_FILE, Task,
};

/// A manifest, and what was found out for it.
pub(crate) struct Found {
    pub(crate) manifest: Manifest,
    /// The manifest in TOML.
    pub(crate) text: String,
    /// A sentence for each thing that was found out.
    pub(crate) findings: Vec<String>,
}

/// What there is to conclude from.
struct Evidence<'a> {
    name: &'a str,
    graph: &'a str,
    listing: &'a Listing,
    has_tokenizer: bool,
    descriptions: &'a Descriptions,
    signature: &'a GraphSignature,
}

impl Evidence<'_> {
    fn config(&self) -> Option<&ModelConfig> {
        self.descriptions.config.as_ref()
    }
}

/// Resolves a folder: what `said`, the text of its `model.toml`, and `choices` do not say is detected.
///
/// # Errors
/// [`ModelError`] naming the file and the reason.
pub(crate) fn resolve(
    folder: &Path,
    said: Option<String>,
    choices: &Choices,
    reader: &GraphReader<'_>,
) -> Result<Found, ModelError> {
    let written = said.as_deref().map(|text| Draft::parse(folder, text)).transpose()?;
    let draft = written.clone().unwrap_or_default().choosing(choices)?;
    let is_as_written = written.as_ref() == Some(&draft);
    if draft.is_complete() {
        let manifest = finish(folder, draft)?;
        let text =
            said.filter(|_| is_as_written).map_or_else(|| written_out(folder, &manifest), Ok);
        return Ok(Found { text: text?, manifest, findings: Vec::new() });
    }
    let (draft, findings) = Detection::new(folder, draft)?.complete(reader)?;
    let manifest = finish(folder, draft)?;
    Ok(Found { text: written_out(folder, &manifest)?, manifest, findings })
}

fn finish(folder: &Path, draft: Draft) -> Result<Manifest, ModelError> {
    let path = folder.join(MANIFEST_FILE);
    draft.finish().map_err(|message| ModelError::Manifest { path, message })
}

fn written_out(folder: &Path, manifest: &Manifest) -> Result<String, ModelError> {
    let path = folder.join(MANIFEST_FILE);
    manifest.text().map_err(|message| ModelError::Manifest { path, message })
}

/// A manifest on its way to being complete.
struct Detection<'a> {
    folder: &'a Path,
    draft: Draft,
    listing: Listing,
    descriptions: Descriptions,
    findings: Vec<String>,
}

impl<'a> Detection<'a> {
    fn new(folder: &'a Path, draft: Draft) -> Result<Self, ModelError> {
        let listing = Listing::of_folder(folder, draft.onnx_file.as_deref())?;
        let descriptions = match draft.task {
            Some(task) if !task.reads_text() => Descriptions::of_card(folder),
            _ => Descriptions::read(folder)?,
        };
        Ok(Self { folder, draft, listing, descriptions, findings: Vec::new() })
    }

    fn complete(mut self, reader: &GraphReader<'_>) -> Result<(Draft, Vec<String>), ModelError> {
        let graph = self.graph()?;
        if self.draft.task == Some(Task::AutomaticSpeechRecognition) {
            return self.complete_speech(&graph);
        }
        let signature = self.signature(&graph, reader)?;
        self.describe();
        let name = self.draft.name.clone().unwrap_or_default();
        let has_tokenizer = self.listing.has(TOKENIZER_FILE);
        let (listing, descriptions) = (&self.listing, &self.descriptions);
        let seen = Evidence {
            name: &name,
            graph: &graph,
            listing,
            has_tokenizer,
            descriptions,
            signature: &signature,
        };
        let mut findings =
            conclude(&seen, &mut self.draft).map_err(|reason| self.unfit(&graph, reason))?;
        self.findings.append(&mut findings);
        self.add_pooling()?;
        self.add_transitions();
        self.add_license();
        self.add_files(&graph)?;
        Ok((self.draft, self.findings))
    }

    /// Graphs of speech models are not always ONNX files, and what reads them looks into them.
    fn complete_speech(mut self, graph: &str) -> Result<(Draft, Vec<String>), ModelError> {
        self.describe();
        self.draft.outputs.get_or_insert_default();
        self.add_license();
        self.add_files(graph)?;
        Ok((self.draft, self.findings))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn unfit(&self, name: &str, reason: String) -> ModelError {
        ModelError::Unfit { path: self.path(name), reason }
    }

    /// Chooses the graph.
    fn graph(&mut self) -> Result<String, ModelError> {
        let chosen = self.listing.graph(self.draft.onnx_file.as_deref());
        let chosen =
            chosen.map_err(|reason| ModelError::Unfit { path: self.folder.into(), reason })?;
        if let Some(reason) = chosen.reason {
            self.findings.push(format!("onnx-file {}: {reason}", chosen.name));
        }
        self.draft.onnx_file = Some(chosen.name.clone());
        Ok(chosen.name)
    }

    /// What the graph declares; its size and place are checked before.
    fn signature(
        &self,
        graph: &str,
        reader: &GraphReader<'_>,
    ) -> Result<GraphSignature, ModelError> {
        let path = self.path(graph);
        check((self.folder, &path), largest_file(graph))?;
        reader(&path).map_err(|reason| self.unfit(graph, reason))
    }

    /// What only tells where the model is from.
    fn describe(&mut self) {
        let draft = &mut self.draft;
        draft.name.get_or_insert_with(|| name::of_folder(self.folder));
        draft.origin = draft.origin.take().or_else(|| name::origin(self.folder));
    }

    /// The license of the model card.
    fn add_license(&mut self) {
        let draft = &mut self.draft;
        if draft.license.is_none() {
            draft.license.clone_from(&self.descriptions.license);
            self.findings.push(match &draft.license {
                Some(license) => format!("license {license}: README.md"),
                None => "license unknown: no README.md names an SPDX license; set `license` in \
                    model.toml before you pass the model on"
                    .to_owned(),
            });
        }
    }

    /// How vectors of tokens become that of a text.
    fn add_pooling(&mut self) -> Result<(), ModelError> {
        let is_needed =
            matches!(self.draft.task, Some(Task::SentenceEmbeddings | Task::SentenceSimilarity));
        if !is_needed && self.draft.task != Some(Task::FeatureExtraction) {
            return Ok(());
        }
        let known = self.descriptions.pooling.is_some();
        let first = self.draft.outputs.iter().flatten().next();
        let pools_itself = first.is_some_and(|name| name == outputs::TEXT_VECTOR);
        if self.draft.pooling.is_none() && !pools_itself {
            self.draft.pooling = match self.descriptions.pooling.take() {
                Some(Ok(pooling)) => Some(pooling),
                Some(Err(error)) if is_needed => return Err(error),
                None if is_needed => Some(Pooling::Mean),
                _ => None,
            };
            if is_needed {
                let by = if known {
                    "1_Pooling/config.json"
                } else {
                    "the default, because no file states it"
                };
                let pooling = self.draft.pooling.map_or("none", Pooling::name);
                self.findings.push(format!("pooling {pooling}: {by}"));
            }
        }
        if is_needed || known {
            let normalizes = self.descriptions.normalizes();
            self.draft.normalize.get_or_insert(normalizes);
            if !self.descriptions.includes_prompt {
                self.draft.include_prompt.get_or_insert(false);
            }
        }
        if self.descriptions.sentence.lower_case && self.draft.lower_case.is_none() {
            self.draft.lower_case = Some(true);
            self.findings.push("lower-case: sentence_bert_config.json".to_owned());
        }
        let settings = &mut self.descriptions.settings;
        if self.draft.prompts.is_none() {
            self.draft.prompts = Some(std::mem::take(&mut settings.prompts));
            let prompt = self.draft.default_prompt.take().or(settings.default_prompt.take());
            self.draft.default_prompt = prompt;
        }
        Ok(())
    }

    /// The matrix of a CRF, where `config.json` names one.
    fn add_transitions(&mut self) {
        let named = self.descriptions.config.as_ref().and_then(ModelConfig::crf_transitions);
        let Some(file) = named.filter(|_| self.draft.task == Some(Task::TokenClassification))
        else {
            return;
        };
        if self.draft.crf_transitions.is_some() {
            return;
        }
        if self.listing.has(file) {
            self.findings.push(format!("crf-transitions {file}: {CONFIG_FILE}"));
            self.draft.crf_transitions = Some(file.to_owned());
        } else {
            self.findings.push(format!(
                "{CONFIG_FILE} names {file}, which does not exist; labels are chosen token by token"
            ));
        }
    }

    /// Digests of all files that are used and have none yet.
    fn add_files(&mut self, graph: &str) -> Result<(), ModelError> {
        let reads_text = self.draft.task.is_none_or(Task::reads_text);
        let mut used: Vec<String> = vec![graph.to_owned()];
        used.extend(self.listing.data_of(graph).into_iter().map(str::to_owned));
        if reads_text {
            used.push(TOKENIZER_FILE.to_owned());
            used.append(&mut self.descriptions.read);
        }
        // It may be the only file that names the token of a gap.
        if self.draft.task == Some(Task::FillMask) && self.listing.has(SPECIAL_TOKENS) {
            used.push(SPECIAL_TOKENS.to_owned());
        }
        used.extend(self.draft.crf_transitions.clone());
        used.extend(self.draft.speech_files().map(str::to_owned));
        let mut files: BTreeMap<String, File> = std::mem::take(&mut self.draft.files);
        for name in used {
            if let Entry::Vacant(entry) = files.entry(name) {
                let path = self.path(entry.key());
                let sha256 = digest_of((self.folder, &path), largest_file(entry.key()))?;
                entry.insert(File { sha256 });
            }
        }
        self.draft.files = files;
        Ok(())
    }
}

/// Task, outputs and what depends on them; returns what was found out.
fn conclude(seen: &Evidence<'_>, draft: &mut Draft) -> Result<Vec<String>, String> {
    let mut findings = Vec::new();
    let task = match draft.task {
        Some(task) => task,
        None => {
            let (task, why) = seen.task()?;
            findings.push(format!("task {task}: {why}"));
            *draft.task.insert(task)
        }
    };
    if task.reads_text() {
        check_inputs(seen)?;
    }
    if draft.outputs.is_none() {
        draft.outputs = Some(seen.outputs_of(task)?);
    }
    if task == Task::TextClassification {
        let problem = task::problem_type(seen.config(), seen.label_count());
        draft.problem_type.get_or_insert(problem);
    }
    let may_rank = matches!(task, Task::Reranking | Task::TextClassification);
    let asks = may_rank && draft.activation.is_none() && seen.label_count() == Some(1);
    if asks && let Some((activation, finding)) = task::activation(seen) {
        draft.activation = Some(activation);
        findings.push(finding);
    }
    if task == Task::VoiceActivityDetection {
        voice::check(seen.signature)?;
    }
    if task.reads_text() && draft.max_length.is_none() {
        let (length, why) = seen.max_length();
        findings.push(format!("max-length {length}: {why}"));
        draft.max_length = Some(length);
    }
    Ok(findings)
}

/// Whether all inputs can be filled from tokens.
fn check_inputs(seen: &Evidence<'_>) -> Result<(), String> {
    let inputs = &seen.signature.inputs;
    let foreign = inputs.iter().find(|port| InputRole::of(&port.name).is_none());
    if let Some(port) = foreign {
        return Err(format!(
            "the input {} cannot be computed from text; the inputs are {}; --task {} serves the \
             graph without a tokenizer",
            port.name,
            outputs::shown(inputs),
            Task::Tensors
        ));
    }
    let has_ids = inputs.iter().any(|port| InputRole::of(&port.name) == Some(InputRole::Ids));
    has_ids.then_some(()).ok_or_else(|| {
        let names = InputRole::Ids.names().join(", ");
        format!("no input takes token ids; its name must be one of {names}")
    })
}
