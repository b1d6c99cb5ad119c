//! The ONNX file of a model folder, and what its task reads of the graph in it.

use std::path::Path;

use bytes::Bytes;
use pilotlight_model::{CONFIG_FILE, Manifest, ModelConfig, ModelFolder, Task};
use pilotlight_onnx::proto::ModelProto;
use pilotlight_onnx::{Encoder, OnnxError};

use crate::error::{Error, Result};

/// A model's ONNX file.
pub(crate) struct GraphFile {
    /// As it is in the folder.
    pub(crate) bytes: Bytes,
    /// With its external data.
    pub(crate) model: ModelProto,
    /// Whether there is external data.
    pub(crate) external: bool,
}

impl GraphFile {
    pub(crate) fn read(folder: &ModelFolder) -> Result<Self> {
        let name = Path::new(&folder.manifest().onnx_file);
        let bytes = Bytes::from(folder.read(&folder.manifest().onnx_file)?);
        let mut beside = |file: &str| {
            let file = name.with_file_name(file);
            folder.read_in_pieces(&file.to_string_lossy()).map_err(|error| error.to_string())
        };
        let decoded = pilotlight_onnx::decode_with(bytes.clone(), &mut beside);
        let (model, external) = decoded.map_err(|error| refused(folder, &error))?;
        Ok(Self { bytes, model, external })
    }
}

/// An error in the graph's file.
pub(crate) fn refused(folder: &ModelFolder, error: &OnnxError) -> Error {
    let path = folder.path().join(&folder.manifest().onnx_file);
    Error::Refused(format!("{}: {error}", path.display()))
}

/// Brings a graph into the form that its task reads, with a column for each of `labels` labels
/// where it has those; `None` if the task reads every graph as it is.
///
/// # Errors
/// [`OnnxError`] naming what does not fit.
pub fn adapt(
    model: &mut ModelProto,
    manifest: &Manifest,
    labels: Option<usize>,
) -> std::result::Result<Option<Encoder>, OnnxError> {
    match wanted(manifest, labels) {
        Wanted::Everything => Ok(None),
        Wanted::PerToken { columns } => pilotlight_onnx::adapt(model, columns).map(Some),
        Wanted::PerText { .. } | Wanted::Named(_) => {
            let task = manifest.task;
            Err(OnnxError::Graph(format!("task {task} cannot be computed on the host")))
        }
    }
}

/// What a task reads of a graph.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// An output of a vector for each token, with so many columns if that is known.
    PerToken { columns: Option<usize> },
    /// An output of a vector for each text, with so many columns if that is known.
    PerText { columns: Option<usize> },
    /// These outputs.
    Named(Vec<String>),
    /// All that it has, as it is.
    Everything,
}

fn wanted(manifest: &Manifest, labels: Option<usize>) -> Wanted {
    match manifest.task {
        Task::Tensors => Wanted::Everything,
        Task::TokenClassification if manifest.outputs.is_empty() => {
            Wanted::PerToken { columns: labels }
        }
        _ if !manifest.outputs.is_empty() => Wanted::Named(manifest.outputs.clone()),
        Task::TextClassification | Task::Reranking | Task::ZeroShotClassification => {
            Wanted::PerText { columns: labels }
        }
        _ => Wanted::PerToken { columns: None },
    }
}

/// How many labels the model's configuration names, if it names any.
pub(crate) fn label_count(folder: &ModelFolder) -> Result<Option<usize>> {
    if !folder.manifest().files.contains_key(CONFIG_FILE) {
        return Ok(None);
    }
    // What is wrong with it is told when the model is loaded.
    let config = ModelConfig::parse(&folder.read(CONFIG_FILE)?).ok();
    Ok(config.and_then(|config| config.labels(None)).map(|labels| labels.len()))
}
