//! A loaded model, and what it can do.

use std::collections::BTreeMap;

use bytes::Bytes;
use pilotlight_model::{Digest, Limits, ModelFolder, Pooling, Task};
use pilotlight_recognizers::Recognizers;
use serde::Serialize;

use crate::engine::{Placement, Precision};
use crate::model::{LoadError, Model, TextModel, Usage};
use crate::tasks;

/// A loaded model and what it can do.
pub struct Function {
    model: Model,
    has_pages: bool,
    /// What it can do, its own task first.
    tasks: Vec<Task>,
    info: Info,
    /// What `GET /info` answers, written once: the snapshot holds it.
    info_json: Bytes,
}

/// `GET /info`: Pilotlight's keys, and those of text-embeddings-inference, whose `version` is Pilotlight's.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Info {
    model: String,
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    task: Task,
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    tasks: Vec<Task>,
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    digest: Digest,
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, String>"))]
    files: BTreeMap<String, Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_length: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<String>,
    /// Labels of what recognizers find beside the model.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recognized_labels: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inputs: Vec<Tensor>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outputs: Vec<Tensor>,
    /// The token that stands for a gap.
    #[serde(skip_serializing_if = "Option::is_none")]
    mask_token: Option<String>,
    license: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribution: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    #[cfg_attr(feature = "schema", schemars(with = "crate::tasks::schema::Limits"))]
    limits: Limits,
    compute: &'static str,
    version: &'static str,
    model_id: String,
    /// There is no commit; the digest stands for the files.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    model_sha: Digest,
    /// The number type of matrix products.
    model_dtype: &'static str,
    served_model_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_type: Option<ModelType>,
    /// The component has no limit of its own; the host has instances and queues.
    max_concurrent_requests: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_input_length: Option<usize>,
    /// Tokens of the largest request.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_batch_tokens: Option<usize>,
    max_batch_requests: Option<usize>,
    max_client_batch_size: usize,
    auto_truncate: bool,
    tokenization_workers: usize,
}

/// The kind of a model, as text-embeddings-inference calls it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum ModelType {
    Embedding { pooling: &'static str },
    Classifier(LabelIds),
    Reranker(LabelIds),
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct LabelIds {
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, String>"))]
    id2label: BTreeMap<usize, String>,
    label2id: BTreeMap<String, usize>,
}

/// An input or output of a graph that is called with tensors; -1 stands for any size.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "InfoTensor"))]
struct Tensor {
    name: String,
    datatype: &'static str,
    shape: Vec<i64>,
}

/// What to do where no sample is found.
fn hint(task: Task) -> &'static str {
    match task {
        Task::Tensors => "; say its shapes in [sample.shapes] of model.toml",
        _ => "",
    }
}

impl Info {
    fn new(
        folder: &ModelFolder,
        (model, tasks): (&Model, &[Task]),
        model_dtype: &'static str,
    ) -> Self {
        let manifest = folder.manifest().clone();
        let files = manifest.files.into_iter().map(|(name, file)| (name, file.sha256)).collect();
        let text = model.text();
        let (inputs, outputs) = match model.engine() {
            None => (Vec::new(), Vec::new()),
            Some(engine) => (tensors(engine.inputs()), tensors(engine.outputs())),
        };
        let max_length = text.map(|text| text.max_length);
        let most_texts = manifest.limits.max_inputs;
        Self {
            model: manifest.name.clone(),
            task: manifest.task,
            tasks: tasks.to_vec(),
            digest: folder.digest(),
            files,
            max_length,
            labels: text.map(|text| text.labels.names().to_vec()).unwrap_or_default(),
            recognized_labels: text.map(recognized_labels).unwrap_or_default(),
            inputs,
            outputs,
            mask_token: text.and_then(|text| text.mask_token.clone()),
            license: manifest.license,
            attribution: manifest.attribution,
            origin: manifest.origin,
            limits: manifest.limits,
            compute: model.place(),
            version: env!("CARGO_PKG_VERSION"),
            model_id: manifest.name.clone(),
            model_sha: folder.digest(),
            model_dtype,
            served_model_name: manifest.name,
            model_type: text.and_then(|text| ModelType::of(manifest.task, text)),
            max_concurrent_requests: u32::MAX,
            max_input_length: max_length,
            max_batch_tokens: max_length.map(|length| length.saturating_mul(most_texts)),
            max_batch_requests: None,
            max_client_batch_size: most_texts,
            auto_truncate: true,
            tokenization_workers: 1,
        }
    }
}

impl ModelType {
    /// `None` for kinds that it does not have.
    fn of(task: Task, model: &TextModel) -> Option<Self> {
        let labels = || {
            let names = model.labels.names().iter().cloned().enumerate();
            let label2id = names.clone().map(|(id, name)| (name, id)).collect();
            LabelIds { id2label: names.collect(), label2id }
        };
        Some(match task {
            Task::FeatureExtraction | Task::SentenceEmbeddings | Task::SentenceSimilarity => {
                let pooling = match model.manifest.pooling.unwrap_or(Pooling::Mean) {
                    Pooling::LastToken => "last_token",
                    pooling => pooling.name(),
                };
                Self::Embedding { pooling }
            }
            Task::Reranking => Self::Reranker(labels()),
            Task::TextClassification | Task::TokenClassification | Task::ZeroShotClassification => {
                Self::Classifier(labels())
            }
            _ => return None,
        })
    }
}

fn recognized_labels(model: &TextModel) -> Vec<String> {
    let labels = model.recognizers.as_ref().map(Recognizers::labels).unwrap_or_default();
    labels.into_iter().map(str::to_owned).collect()
}

/// The number type of matrix products, by PyTorch's name. A host computes in the types of the file, which
/// the guest does not see; inputs and outputs have 32 bits.
fn dtype(placement: &Placement) -> &'static str {
    match placement {
        Placement::Guest(Precision::F32) | Placement::Host(_) => "float32",
        Placement::Guest(Precision::Int8) => "int8",
        Placement::Guest(Precision::Int4) => "int4",
    }
}

fn tensors(ports: &[crate::engine::Port]) -> Vec<Tensor> {
    let size = |dim: &Option<usize>| dim.map_or(-1, |size| size as i64);
    let tensor = |port: &crate::engine::Port| Tensor {
        name: port.name.clone(),
        datatype: port.element.name(),
        shape: port.dims.iter().map(size).collect(),
    };
    ports.iter().map(tensor).collect()
}

/// Leaks bytes, since a function lives as long as its component. A reference count would be written to a memory page
/// that instances share otherwise.
pub(crate) fn leaked(bytes: Vec<u8>) -> Bytes {
    Bytes::from_static(bytes.leak())
}

impl Function {
    /// Loads the model in `folder`, computed where `placement` says, and has it answer its sample.
    ///
    /// # Errors
    /// [`LoadError`] naming the file and the reason.
    pub fn load(folder: &ModelFolder, placement: Placement) -> Result<Self, LoadError> {
        let dtype = dtype(&placement);
        Self::new(folder, Model::load(folder, placement)?, dtype)
    }

    /// The function of a model that computes in numbers of the type `dtype`, and that `folder` describes.
    ///
    /// # Errors
    /// [`LoadError`] if it does not answer its sample.
    pub fn new(folder: &ModelFolder, model: Model, dtype: &'static str) -> Result<Self, LoadError> {
        let task = folder.manifest().task;
        let tasks = tasks::able(task, &model);
        let info = Info::new(folder, (&model, &tasks), dtype);
        // None of its types provokes an error.
        let info_json = leaked(serde_json::to_vec(&info).unwrap_or_default());
        let has_pages = folder.manifest().playground.unwrap_or(true);
        let function = Self { model, has_pages, tasks, info, info_json };
        function.try_out(folder)?;
        Ok(function)
    }

    /// Has each task answer a sample, so that what is built on first use is built now.
    fn try_out(&self, folder: &ModelFolder) -> Result<(), LoadError> {
        for task in &self.tasks {
            let sample = tasks::sample(*task, &self.model).to_string();
            let answer =
                tasks::answer(&self.model, *task, sample.as_bytes(), &mut Usage::default());
            answer.map_err(|error| LoadError::Mismatch {
                file: folder.manifest().onnx_file.clone(),
                reason: format!("does not work on a sample of {task}: {error}{}", hint(*task)),
            })?;
        }
        Ok(())
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Whether it has pages for browsers.
    pub fn has_pages(&self) -> bool {
        self.has_pages
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.info.model
    }

    /// The model's own task.
    pub fn task(&self) -> Task {
        self.info.task
    }

    /// What it can do, its own task first.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// What `GET /info` answers: JSON.
    pub fn info(&self) -> &Bytes {
        &self.info_json
    }

    /// The limits of the model's manifest.
    pub fn limits(&self) -> Limits {
        self.info.limits
    }
}
