//! The ONNX file of a model folder, and what its task reads of the graph in it.

use bytes::Bytes;
use pilotlight_model::{CONFIG_FILE, Manifest, ModelConfig, ModelFolder, Task};
use pilotlight_onnx::proto::ModelProto;
use pilotlight_onnx::{Encoder, OnnxError, Wanted};

use crate::error::{Error, Result};

/// Samples that a graph reads which tells voice activity, and their rate in Hz.
const VOICE_INPUT: u64 = pilotlight_audio::INPUT as u64;
const VOICE_RATE: i64 = pilotlight_audio::RATE as i64;

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
        let bytes = Bytes::from(folder.read(&folder.manifest().onnx_file)?);
        let mut beside =
            |name: &str| folder.read_beside_graph(name).map_err(|error| error.to_string());
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
    if !manifest.task.reads_text() {
        return Ok(None);
    }
    pilotlight_onnx::adapt(model, &Wanted::of(manifest, labels)).map(Some)
}

/// Has a graph compute many sessions at once, where the task has sessions; tells whether it was changed.
pub(crate) fn stack(
    model: &mut ModelProto,
    manifest: &Manifest,
) -> std::result::Result<bool, OnnxError> {
    let has_sessions = manifest.task == Task::VoiceActivityDetection;
    if has_sessions {
        pilotlight_onnx::stack_sessions(model, VOICE_INPUT, VOICE_RATE)?;
    }
    Ok(has_sessions)
}

/// How many labels the model's configuration names, if it names any.
pub(crate) fn label_count(folder: &ModelFolder) -> Result<Option<usize>> {
    if !folder.lists(CONFIG_FILE) {
        return Ok(None);
    }
    // What is wrong with it is told when the model is loaded.
    let config = ModelConfig::parse(&folder.read(CONFIG_FILE)?).ok();
    Ok(config.and_then(|config| config.labels(None)).map(|labels| labels.len()))
}
