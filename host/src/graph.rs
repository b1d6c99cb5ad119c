//! How the host computes the graph of a model: its file, in the precision asked for.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use pilotlight_inference::{GraphOptions, Graphs};
use pilotlight_model::{CONFIG_FILE, Digest, MODEL_FILE, ModelConfig, ModelFolder};
use pilotlight_onnx::Encoder;
use pilotlight_onnx::proto::ModelProto;
use serde::{Deserialize, Serialize};

use crate::cache::Cache;
use crate::config::FunctionOptions;
use crate::error::{Error, Result};
use crate::progress::{Progress, Stage};

/// A component's graph lies beside it with this extension.
pub const GRAPH_EXTENSION: &str = "onnx";

/// Numbers that the host computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Precision {
    /// As the file has them.
    Unchanged,
    /// 32-bit floats: quantised weights are expanded, which changes no result.
    #[default]
    F32,
    /// 8-bit integers: weights quantised per output channel, activations while computing.
    Int8,
    /// In the sandbox only: weights in 4 bits where the file has them so and in 8 elsewhere,
    /// activations quantised while computing.
    Int4,
}

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
    pub bucket: u32,
    /// How calls are queued and put together.
    pub options: GraphOptions,
}

/// What a snapshot says of the graph that the host computes for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphRecord {
    /// What the guest calls it.
    pub name: String,
    /// SHA-256 of its file.
    pub sha256: Digest,
    /// Numbers that it computes with.
    pub precision: Precision,
    /// Texts are padded to multiples of so many tokens.
    pub bucket: u32,
    /// Most texts of a request that are computed at once.
    pub rows: u32,
    /// Why rows of different callers do not share batches, if they do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixes_rows: Option<String>,
}

impl HostCompute {
    /// The defaults, with `graphs`.
    pub fn new(graphs: Arc<Graphs>) -> Self {
        let (precision, options) = (Precision::default(), GraphOptions::default());
        Self { graphs, precision, bucket: 1, options }
    }
}

impl fmt::Debug for HostCompute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostCompute")
            .field("backend", &self.graphs.backend().name())
            .field("precision", &self.precision)
            .field("bucket", &self.bucket)
            .field("options", &self.options)
            .finish()
    }
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Unchanged, Self::F32, Self::Int8, Self::Int4];
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unchanged => "unchanged",
            Self::F32 => "f32",
            Self::Int8 => "int8",
            Self::Int4 => "int4",
        })
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let known = || Self::ALL.map(|precision| precision.to_string()).join(", ");
        let found = Self::ALL.into_iter().find(|precision| precision.to_string() == text);
        found.ok_or_else(|| format!("{text} is none of {}", known()))
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
    let encoder = pilotlight_onnx::adapt(&mut model, label_count(folder)?).map_err(refuse)?;
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

/// Loads the graph that the component in `file` was built with and that lies beside it, unless
/// one of its name is loaded already.
pub(crate) fn find(
    file: &Path,
    record: &GraphRecord,
    options: &FunctionOptions,
    cache: &Cache,
) -> Result<()> {
    // Without any graphs the function is refused when it is linked.
    let Some(graphs) = &options.instance.graphs else { return Ok(()) };
    if graphs.get(&record.name).is_ok() {
        return Ok(());
    }
    let beside = file.with_extension(GRAPH_EXTENSION);
    let refuse = |reason| Error::Component { name: beside.display().to_string(), reason };
    let digest = cache.digest_of(std::slice::from_ref(&beside), || {
        Ok(Digest::of(&std::fs::read(&beside).map_err(Error::io(&beside))?))
    })?;
    if digest != record.sha256 {
        let component = file.display();
        return Err(refuse(format!(
            "is not the graph that {component} was built with, whose sha256 is {}",
            record.sha256
        )));
    }
    let bytes = std::fs::read(&beside).map_err(Error::io(&beside))?;
    graphs.load(&record.name, bytes, options.instance.graph)?;
    Ok(())
}

/// Says so when `graphs` computes what is to be fast slower than if it were not.
pub(crate) fn warn_if_slow(record: &GraphRecord, graphs: &Graphs) {
    if record.precision == Precision::Int8 && graphs.backend().name() == "tract" {
        tracing::warn!("tract computes int8 slower than f32: use ONNX Runtime, or precision f32");
    }
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
        let HostCompute { graphs, precision, bucket, options } = compute;
        let refuse = |error: pilotlight_onnx::OnnxError| Error::Refused(format!("{name}: {error}"));
        let file = Bytes::from(file);
        let mut model = pilotlight_onnx::decode(file.clone()).map_err(refuse)?;
        let encoder = pilotlight_onnx::adapt(&mut model, None).map_err(refuse)?;
        let padding = padding_changes_labels(&encoder, &model);
        drop(model);
        let graph = graphs.load(name, file.into(), *options)?;
        let bucket = if padding.is_none() { *bucket } else { 1 };
        if let Some(reason) = padding.filter(|_| compute.bucket > 1) {
            tracing::warn!(graph = name, reason, "texts are not padded to buckets");
        }
        let mixes_rows = graph.mixes_rows().map(str::to_owned);
        let rows = if encoder.single || mixes_rows.is_some() { 1 } else { options.max_batch };
        let (name, precision) = (name.to_owned(), *precision);
        let record = GraphRecord { name, sha256, precision, bucket, rows, mixes_rows };
        Ok(Self { graphs: Arc::clone(graphs), record, encoder })
    }
}
