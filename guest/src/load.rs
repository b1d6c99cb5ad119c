//! From a model folder to a working pipeline; every refusal names the file and the reason.

use pilotlight_model::{
    CONFIG_FILE, MODEL_FILE, ModelConfig, ModelError, ModelFolder, TOKENIZER_FILE, without_bom,
};
#[cfg(feature = "tract")]
use pilotlight_onnx::{OnnxError, Pieces};

use crate::api::{ApiError, Parameters};
use crate::compute::{Compute, ComputeError, HostGraph, Placement, Precision, Sequence};
use crate::pipeline::{Pipeline, Timings};
use crate::tokenizer::{Tokenizer, TokenizerError};

/// Tokens of a sequence where the manifest says nothing.
const MAX_LENGTH: usize = 512;

/// Why a model folder could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file is missing, or not what the manifest says.
    #[error(transparent)]
    Folder(#[from] ModelError),
    /// The graph was refused.
    #[cfg(feature = "tract")]
    #[error("{MODEL_FILE}: {0}")]
    Graph(#[from] OnnxError),
    /// The host could not compute the graph.
    #[error("{MODEL_FILE}: {0}")]
    Host(#[from] ComputeError),
    /// The guest was not built for that.
    #[error("{0}")]
    Variant(&'static str),
    /// The tokenizer was refused.
    #[error("{TOKENIZER_FILE}: {0}")]
    Tokenizer(#[from] TokenizerError),
    /// The configuration was refused.
    #[error("{CONFIG_FILE}: {0}")]
    Config(String),
    /// The files do not fit each other.
    #[error("{file}: {reason}")]
    Mismatch {
        /// The file that does not fit.
        file: &'static str,
        /// What does not fit what.
        reason: String,
    },
}

/// Reads, checks and tries out the model in `folder`, computed where `placement` says.
///
/// # Errors
/// [`LoadError`] naming the file and the reason.
pub fn load(folder: &ModelFolder, placement: Placement) -> Result<Pipeline, LoadError> {
    let config = ModelConfig::parse(&folder.read(CONFIG_FILE)?).map_err(LoadError::Config)?;
    let max_length = folder.manifest().max_length.unwrap_or(MAX_LENGTH);
    let label_count = config.labels(None).map(|labels| labels.len());
    let mut compute = match placement {
        Placement::Host(graph) => on_host(graph, max_length)?,
        Placement::Guest(precision) => in_guest(folder, label_count, precision)?,
    };
    compute.number_positions_from(config.first_position());
    // After the model: its many small blocks fill what loading the model left free, and memory
    // of which half is in use can be mapped instead of copied (Wasmtime's rule).
    let tokenizer = Tokenizer::load(without_bom(&folder.read(TOKENIZER_FILE)?), max_length)?;
    let labels = config.labels(Some(compute.labels())).unwrap_or_default();
    if labels.is_empty() || labels.len() != compute.labels() {
        let reason =
            format!("{} labels, but {MODEL_FILE} gives {}", labels.len(), compute.labels());
        return Err(LoadError::Mismatch { file: CONFIG_FILE, reason });
    }
    check_vocabulary(&tokenizer, compute.vocabulary().or(config.vocabulary()))?;
    let longest = Sequence { ids: vec![0; max_length], type_ids: vec![0; max_length] };
    compute.logits(&longest).map_err(|error| LoadError::Mismatch {
        file: MODEL_FILE,
        reason: format!("cannot read max-length = {max_length} tokens: {error}"),
    })?;
    let pipeline = Pipeline::new(tokenizer, compute, labels);
    try_out(&pipeline)?;
    Ok(pipeline)
}

#[cfg(feature = "tract")]
fn in_guest(
    folder: &ModelFolder,
    labels: Option<usize>,
    precision: Precision,
) -> Result<Box<dyn Compute>, LoadError> {
    use crate::compute::TractCompute;
    let pieces = folder.read_in_pieces(MODEL_FILE)?.into_iter().collect::<Pieces>();
    let mut beside = |name: &str| folder.read_in_pieces(name).map_err(|error| error.to_string());
    let (model, _) = pilotlight_onnx::decode_with(pieces, &mut beside)?;
    Ok(Box::new(TractCompute::new(model, labels, precision)?))
}

#[cfg(not(feature = "tract"))]
fn in_guest(
    _folder: &ModelFolder,
    _labels: Option<usize>,
    _precision: Precision,
) -> Result<Box<dyn Compute>, LoadError> {
    Err(LoadError::Variant("this guest computes on the host and was given no graph"))
}

#[cfg(all(feature = "wasi-nn", target_family = "wasm"))]
fn on_host(graph: HostGraph, max_length: usize) -> Result<Box<dyn Compute>, LoadError> {
    Ok(Box::new(crate::compute::NnCompute::load(graph, max_length)?))
}

#[cfg(not(all(feature = "wasi-nn", target_family = "wasm")))]
fn on_host(_graph: HostGraph, _max_length: usize) -> Result<Box<dyn Compute>, LoadError> {
    Err(LoadError::Variant("this guest computes in the sandbox and has no use for a graph"))
}

fn check_vocabulary(tokenizer: &Tokenizer, rows: Option<usize>) -> Result<(), LoadError> {
    let ids = tokenizer.vocabulary();
    // Spare rows are common: models are padded to round sizes, or keep rows for tokens to come.
    match rows {
        Some(rows) if rows < ids => Err(LoadError::Mismatch {
            file: TOKENIZER_FILE,
            reason: format!("{ids} token ids, but {MODEL_FILE} embeds {rows}"),
        }),
        _ => Ok(()),
    }
}

/// Runs the whole pipeline once, so that what is built on first use is built now.
fn try_out(pipeline: &Pipeline) -> Result<(), LoadError> {
    let text = "Ada Lovelace, 12 Rue de l'Église, +44 20 7946 0958";
    let answer = pipeline.classify(&[text], &Parameters::default(), &mut Timings::default());
    answer.map(drop).map_err(|error: ApiError| LoadError::Mismatch {
        file: MODEL_FILE,
        reason: format!("does not work on a sample text: {error}"),
    })
}
