//! The graph of a model folder, converted and loaded for the host to compute.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use pilotlight_inference::{GraphOptions, Graphs};
use pilotlight_model::{CONFIG_FILE, Digest, MODEL_FILE, ModelConfig, ModelFolder};
use pilotlight_onnx::proto::ModelProto;
use pilotlight_onnx::{Encoder, Wanted};

use crate::error::{Error, Result};
use crate::graph::GraphRecord;
use crate::precision::Precision;
use crate::progress::{Progress, Stage};

/// How the host computes a model.
#[derive(Clone)]
#[non_exhaustive]
pub struct HostCompute {
    /// What computes; the model's graph is loaded into it.
    pub graphs: Arc<Graphs>,
    /// Numbers that it computes with.
    pub precision: Precision,
    /// Texts are padded to multiples of so many tokens, so that they can share a batch; 1 pads
    /// nothing.
    pub pad_to_multiple_of: u32,
    /// How calls are queued and put together.
    pub options: GraphOptions,
}

impl HostCompute {
    /// The defaults, with `graphs`.
    pub fn new(graphs: Arc<Graphs>) -> Self {
        let (precision, options) = (Precision::default(), GraphOptions::default());
        Self { graphs, precision, pad_to_multiple_of: 1, options }
    }
}

impl fmt::Debug for HostCompute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostCompute")
            .field("backend", &self.graphs.backend().name())
            .field("precision", &self.precision)
            .field("pad_to_multiple_of", &self.pad_to_multiple_of)
            .field("options", &self.options)
            .finish()
    }
}

/// The model's graph in `precision`, in the form that guests know: an ONNX file that holds all of
/// its data.
pub(crate) fn convert(folder: &ModelFolder, precision: Precision) -> Result<Vec<u8>> {
    let file = Bytes::from(folder.read(MODEL_FILE)?);
    let refuse = |error: pilotlight_onnx::OnnxError| {
        Error::Refused(format!("{}: {error}", folder.path().join(MODEL_FILE).display()))
    };
    let mut beside = |name: &str| folder.read_in_pieces(name).map_err(|error| error.to_string());
    let decoded = pilotlight_onnx::decode_with(file.clone(), &mut beside);
    let (mut model, external) = decoded.map_err(refuse)?;
    let wanted = Wanted::PerToken { columns: label_count(folder)? };
    let encoder = pilotlight_onnx::adapt(&mut model, &wanted).map_err(refuse)?;
    let convert: fn(&mut ModelProto) -> _ = match precision {
        Precision::Unchanged if !external && !encoder.changed => return Ok(file.into()),
        Precision::Unchanged => |_: &mut ModelProto| Ok(()),
        Precision::F32 => pilotlight_onnx::rewrite::to_f32,
        Precision::Int8 => pilotlight_onnx::rewrite::to_int8,
        Precision::Int4 => {
            return Err(Error::Refused("int4 is computed in the sandbox only".to_owned()));
        }
    };
    if precision != Precision::Unchanged {
        pilotlight_onnx::widen_halves(&mut model);
    }
    convert(&mut model).map_err(refuse)?;
    pilotlight_onnx::rewrite::check_size(&model).map_err(refuse)?;
    Ok(pilotlight_onnx::encode(&model))
}

/// How many labels the model's configuration names, if it names any.
fn label_count(folder: &ModelFolder) -> Result<Option<usize>> {
    // What is wrong with it is told when the model is loaded.
    let config = ModelConfig::parse(&folder.read(CONFIG_FILE)?).ok();
    Ok(config.and_then(|config| config.labels(None)).map(|labels| labels.len()))
}

/// Why padding would change the labels of the tokens before it, if it would.
fn padding_changes_labels(encoder: &Encoder, model: &ModelProto) -> Option<&'static str> {
    if !encoder.masked {
        return Some("the graph does not use attention_mask");
    }
    let dynamic = pilotlight_onnx::depends_on_batch(model);
    dynamic.then_some("the graph quantises padding and tokens with one scale")
}

/// A model's graph that has been loaded.
pub struct LoadedGraph {
    pub(crate) graphs: Arc<Graphs>,
    pub(crate) record: GraphRecord,
    /// How it is to be computed.
    pub(crate) encoder: Encoder,
}

impl LoadedGraph {
    /// Converts and loads the graph of the model in `folder`; returns its file, too. Blocks.
    ///
    /// # Errors
    /// [`Error`] naming the file and the reason.
    pub fn of(
        folder: &ModelFolder,
        compute: &HostCompute,
        progress: Progress<'_>,
    ) -> Result<(Self, Vec<u8>)> {
        progress(Stage::Verify);
        folder.verify()?;
        progress(Stage::Convert);
        let file = convert(folder, compute.precision)?;
        progress(Stage::LoadGraph);
        let digest = Digest::of(&file);
        let loaded = Self::load(compute, &folder.manifest().name, (file.clone(), digest))?;
        Ok((loaded, file))
    }

    /// Loads a file with its digest, the graph of the model called `name`.
    pub(crate) fn load(
        compute: &HostCompute,
        name: &str,
        (file, sha256): (Vec<u8>, Digest),
    ) -> Result<Self> {
        let HostCompute { graphs, precision, pad_to_multiple_of, options } = compute;
        let refuse = |error: pilotlight_onnx::OnnxError| Error::Refused(format!("{name}: {error}"));
        let file = Bytes::from(file);
        let mut model = pilotlight_onnx::decode(file.clone()).map_err(refuse)?;
        let wanted = Wanted::PerToken { columns: None };
        let encoder = pilotlight_onnx::adapt(&mut model, &wanted).map_err(refuse)?;
        let padding = padding_changes_labels(&encoder, &model);
        drop(model);
        let graph = graphs.load(name, file.into(), *options)?;
        let pad_to_multiple_of = if padding.is_none() { *pad_to_multiple_of } else { 1 };
        if let Some(reason) = padding.filter(|_| compute.pad_to_multiple_of > 1) {
            tracing::warn!(graph = name, reason, "texts are not padded to multiples");
        }
        let mixes_rows = graph.mixes_rows().map(str::to_owned);
        let rows = if encoder.single || mixes_rows.is_some() { 1 } else { options.max_batch };
        let (name, precision) = (name.to_owned(), *precision);
        let record = GraphRecord { name, sha256, precision, pad_to_multiple_of, rows, mixes_rows };
        Ok(Self { graphs: Arc::clone(graphs), record, encoder })
    }
}
