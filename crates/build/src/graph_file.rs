//! The ONNX file of a model folder, and what its task reads of the graph in it.

use bytes::Bytes;
use pilotlight_inference::Package;
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
        Self::read_named(folder, &folder.manifest().onnx_file)
    }

    /// Reads another graph of the folder.
    fn read_named(folder: &ModelFolder, name: &str) -> Result<Self> {
        let bytes = Bytes::from(folder.read(name)?);
        let mut beside =
            |name: &str| folder.read_beside_graph(name).map_err(|error| error.to_string());
        let decoded = pilotlight_onnx::decode_with(bytes.clone(), &mut beside);
        let (model, external) = decoded.map_err(|error| refused_file(folder, name, &error))?;
        Ok(Self { bytes, model, external })
    }
}

/// An error in the graph's file.
pub(crate) fn refused(folder: &ModelFolder, error: &OnnxError) -> Error {
    refused_file(folder, &folder.manifest().onnx_file, error)
}

fn refused_file(folder: &ModelFolder, name: &str, error: &OnnxError) -> Error {
    Error::Refused(format!("{}: {error}", folder.path().join(name).display()))
}

/// The graphs of a speech model as one file: encoder and decoder, which one engine computes in turns, and the
/// graph that tells voice activity, for many sessions at once. `None` for other models.
pub(crate) fn speech(folder: &ModelFolder) -> Result<Option<Vec<u8>>> {
    let Some(files) = &folder.manifest().speech else { return Ok(None) };
    let (encoder, decoder) =
        (folder.read(&folder.manifest().onnx_file)?, folder.read(&files.decoder)?);
    let speech = Package::new(vec![("encoder", &encoder), ("decoder", &decoder)]).write();
    let mut voice = GraphFile::read_named(folder, &files.voice_activity)?.model;
    let stacked = pilotlight_onnx::stack_sessions(&mut voice, VOICE_INPUT, VOICE_RATE);
    stacked.map_err(|error| refused_file(folder, &files.voice_activity, &error))?;
    let voice = pilotlight_onnx::encode(&voice);
    Ok(Some(Package::new(vec![("speech", &speech), ("voice", &voice)]).write()))
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
