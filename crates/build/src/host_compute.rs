//! The graph of a model folder, converted and loaded for the host to compute.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use pilotlight_inference::{
    Backend, Dimension, Element, GraphOptions, Graphs, Package, Port, Signature,
};
use pilotlight_model::{Digest, GraphPort, GraphSignature, Manifest, ModelFolder};
use pilotlight_onnx::proto::ModelProto;
use pilotlight_onnx::{Encoder, OnnxError};

use crate::error::{Error, Result};
use crate::graph::{GraphRecord, NamedGraph, load_graphs};
use crate::graph_file::{GraphFile, adapt, label_count, refused, speech, stack};
use crate::precision::Precision;
use crate::progress::{Progress, Stage};

/// Maximum number of texts of a call of different lengths.
const MOST_TEXTS: u32 = 64;

/// Inference of a model on the host.
#[derive(Clone)]
#[non_exhaustive]
pub struct HostCompute {
    /// Backend into which the model's graph is loaded.
    pub graphs: Arc<Graphs>,
    /// Numbers that it computes with.
    pub precision: Precision,
    /// Texts are padded to multiples of so many tokens, so that they can share a batch; 1 pads
    /// nothing.
    pub pad_to_multiple_of: u32,
    /// Options of queue and batches.
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
pub(crate) fn convert(
    folder: &ModelFolder,
    precision: Precision,
    backend: &dyn Backend,
) -> Result<Vec<u8>> {
    let precision = precision_of(folder.manifest(), precision)?;
    if let Some(package) = speech(folder)? {
        return Ok(package);
    }
    let GraphFile { bytes, mut model, external } = GraphFile::read(folder)?;
    let refuse = |error: OnnxError| refused(folder, &error);
    let adapted = adapt(&mut model, folder.manifest(), label_count(folder)?).map_err(refuse)?;
    let stacked = stack(&mut model, folder.manifest()).map_err(refuse)?;
    // Encoders read and give types that `wasi:nn` has.
    let cast = adapted.is_none() && pilotlight_onnx::to_host_types(&mut model);
    let changed = stacked || cast || adapted.is_some_and(|encoder| encoder.changed);
    let convert: fn(&mut ModelProto) -> _ = match precision {
        Precision::Unchanged if !external && !changed => return Ok(bytes.into()),
        Precision::Unchanged => |_: &mut ModelProto| Ok(()),
        Precision::Int8 | Precision::Int4 if packs(backend, &model) => |model| {
            pilotlight_onnx::widen_halves(model);
            Ok(())
        },
        Precision::F32 => |model| {
            pilotlight_onnx::widen_halves(model);
            pilotlight_onnx::rewrite::to_f32(model)
        },
        Precision::Int8 => |model| {
            pilotlight_onnx::widen_halves(model);
            pilotlight_onnx::rewrite::to_int8(model)
        },
        Precision::Int4 => {
            let message = "int4 is supported in the sandbox, and on the host by the backend native \
                for encoders";
            return Err(Error::Refused(message.to_owned()));
        }
    };
    convert(&mut model).map_err(refuse)?;
    pilotlight_onnx::rewrite::check_size(&model).map_err(refuse)?;
    Ok(pilotlight_onnx::encode(&model))
}

/// Whether the backend converts the weights of a model itself.
fn packs(backend: &dyn Backend, model: &ModelProto) -> bool {
    let mut model = model.clone();
    pilotlight_onnx::widen_halves(&mut model);
    backend.packs(&pilotlight_onnx::encode(&model))
}

/// The precision of a model for which `asked` is asked: graphs that are not known to be encoders
/// stay as they are.
fn precision_of(manifest: &Manifest, asked: Precision) -> Result<Precision> {
    match asked {
        asked if manifest.task.reads_text() => Ok(asked),
        Precision::F32 | Precision::Unchanged => Ok(Precision::Unchanged),
        other => Err(Error::Refused(format!(
            "{}: task {} uses the number format of the graph file, not {other}; remove --precision",
            manifest.name, manifest.task
        ))),
    }
}

/// Why padding would change the results of the tokens before it, if it would.
fn padding_changes_results(encoder: &Encoder, model: &ModelProto) -> Option<&'static str> {
    if !encoder.masked {
        return Some("the graph does not use attention_mask");
    }
    let dynamic = pilotlight_onnx::depends_on_batch(model);
    dynamic.then_some("the graph quantizes padding and tokens with one scale")
}

/// A model's graph that has been loaded.
pub struct LoadedGraph {
    pub(crate) graphs: Arc<Graphs>,
    pub(crate) record: GraphRecord,
    /// How it is to be computed, if it is an encoder.
    pub(crate) encoder: Option<Encoder>,
    /// Its inputs and outputs.
    pub(crate) signature: GraphSignature,
    /// Names and signatures of the other graphs of its file.
    pub(crate) others: Vec<(String, GraphSignature)>,
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
        let file = convert(folder, compute.precision, compute.graphs.backend())?;
        progress(Stage::LoadGraph);
        let digest = Digest::of(&file);
        let loaded = Self::load(compute, folder.manifest(), (file.clone(), digest));
        Ok((loaded.map_err(of_file(folder))?, file))
    }

    /// Loads a file with its digest, the graph of the model that `manifest` describes.
    pub(crate) fn load(
        compute: &HostCompute,
        manifest: &Manifest,
        (file, sha256): (Vec<u8>, Digest),
    ) -> Result<Self> {
        if Package::is(&file) {
            return Self::load_package(compute, manifest, (file, sha256));
        }
        let HostCompute { graphs, pad_to_multiple_of, options, .. } = compute;
        let name = manifest.name.clone();
        let refuse = |error: OnnxError| Error::Refused(format!("{name}: {error}"));
        let file = Bytes::from(file);
        let mut model = pilotlight_onnx::decode(file.clone()).map_err(refuse)?;
        let encoder = adapt(&mut model, manifest, None).map_err(refuse)?;
        let signature = pilotlight_onnx::signature_of(&model);
        let padding = encoder.as_ref().map(|encoder| padding_changes_results(encoder, &model));
        drop(model);
        let precision = precision_of(manifest, compute.precision)?;
        let graph = graphs.load(&name, file.into(), precision.set(*options))?;
        let pad_to_multiple_of = if padding == Some(None) { *pad_to_multiple_of } else { 1 };
        if let Some(reason) = padding.flatten().filter(|_| compute.pad_to_multiple_of > 1) {
            tracing::warn!(graph = name, reason, "texts are not padded to multiples");
        }
        let mixes_rows = graph.mixes_rows().map(str::to_owned);
        let single = encoder.as_ref().is_none_or(|encoder| encoder.single);
        let masked = encoder.as_ref().is_some_and(|encoder| encoder.masked);
        let any_lengths = graph.takes_any_lengths() && masked && !single;
        let rows = match (single || mixes_rows.is_some(), any_lengths) {
            (true, _) => 1,
            // The queue cuts them by tokens.
            (false, true) => MOST_TEXTS,
            (false, false) => options.max_batch,
        };
        let record = GraphRecord {
            name,
            sha256,
            precision,
            engine: options.engine,
            pad_to_multiple_of,
            rows,
            any_lengths,
            mixes_rows,
        };
        let (graphs, others) = (Arc::clone(graphs), Vec::new());
        Ok(Self { graphs, record, encoder, signature, others })
    }

    /// Loads a package of graphs, of which none is an encoder of texts.
    fn load_package(
        compute: &HostCompute,
        manifest: &Manifest,
        (file, sha256): (Vec<u8>, Digest),
    ) -> Result<Self> {
        let HostCompute { graphs, options, .. } = compute;
        let name = manifest.name.clone();
        let refuse = |reason: String| Error::Refused(format!("{name}: {reason}"));
        let precision = precision_of(manifest, compute.precision)?;
        let loaded = load_graphs(graphs, &name, file.clone(), precision.set(*options))?;
        let package = Package::read(&file).map_err(refuse)?;
        let contents = package.parts().iter().map(|(_, content)| *content);
        let mut signatures = loaded.into_iter().zip(contents).map(signature_of);
        let first = signatures.next().ok_or_else(|| refuse("the package is empty".to_owned()))?;
        let (name, signature) = first?;
        let others = signatures.collect::<Result<_>>()?;
        let record = GraphRecord {
            name,
            sha256,
            precision,
            engine: options.engine,
            pad_to_multiple_of: 1,
            rows: 1,
            any_lengths: false,
            mixes_rows: None,
        };
        Ok(Self { graphs: Arc::clone(graphs), record, encoder: None, signature, others })
    }
}

/// Has an error of a graph name the file that it is made from.
pub(crate) fn of_file(folder: &ModelFolder) -> impl FnOnce(Error) -> Error {
    use pilotlight_inference::Error::InvalidGraph;
    |error| match error {
        Error::Graph(InvalidGraph { reason, .. }) => {
            let path = folder.path().join(&folder.manifest().onnx_file);
            Error::Graph(InvalidGraph { graph: path.display().to_string(), reason })
        }
        error => error,
    }
}

/// What goes in and out of a part of a package: as its ONNX file says, or as the engine says of several.
fn signature_of(((name, graph), content): (NamedGraph, &[u8])) -> Result<(String, GraphSignature)> {
    let signature = match Package::is(content) {
        true => told_by_engine(graph.signature()),
        false => {
            let model = pilotlight_onnx::decode(content);
            let model = model.map_err(|error| Error::Refused(format!("{name}: {error}")))?;
            pilotlight_onnx::signature_of(&model)
        }
    };
    Ok((name, signature))
}

fn told_by_engine(signature: &Signature) -> GraphSignature {
    let size = |dimension: &Dimension| match dimension {
        Dimension::Fixed(size) => Some(u64::from(*size)),
        Dimension::Named(_) | Dimension::Any => None,
    };
    let port = |port: &Port| GraphPort {
        name: port.name.clone(),
        element: onnx_number(port.element),
        dims: port.dimensions.as_ref().map(|sizes| sizes.iter().map(size).collect()),
    };
    let ports = |ports: &[Port]| ports.iter().map(port).collect();
    GraphSignature { inputs: ports(&signature.inputs), outputs: ports(&signature.outputs) }
}

/// A type by its number in ONNX's `TensorProto.DataType`.
fn onnx_number(element: Element) -> i32 {
    match element {
        Element::F32 => 1,
        Element::U8 => 2,
        Element::I32 => 6,
        Element::I64 => 7,
        Element::F16 => 10,
        Element::F64 => 11,
        Element::Bf16 => 16,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use pilotlight_inference::{Device, Native, NativeOptions, Tract};
    use pilotlight_testing::tiny_model;

    use super::*;

    /// A folder with the tiny graph for `task`.
    fn folder(task: &str) -> (tempfile::TempDir, ModelFolder) {
        let folder = tiny_model::folder(&tiny_model::quantized_graph());
        let file = folder.path().join("model.toml");
        let manifest = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, manifest.replace("token-classification", task)).unwrap();
        let opened = ModelFolder::open(folder.path()).unwrap();
        (folder, opened)
    }

    fn tract() -> Tract {
        Tract::new(&Device::default()).unwrap()
    }

    #[test]
    fn a_graph_of_tensors_stays_as_it_is() {
        let (path, folder) = folder("tensors");
        let file = std::fs::read(path.path().join("model.onnx")).unwrap();
        for precision in [Precision::F32, Precision::Unchanged] {
            assert!(convert(&folder, precision, &tract()).unwrap() == file, "{precision}");
        }
        for precision in [Precision::Int8, Precision::Int4] {
            let refused = convert(&folder, precision, &tract()).unwrap_err().to_string();
            assert!(refused.contains("remove --precision"), "{refused}");
        }
    }

    #[test]
    fn a_graph_of_an_encoder_is_converted() {
        let (_path, folder) = folder("token-classification");
        for (precision, quantized) in [(Precision::Unchanged, true), (Precision::F32, false)] {
            let file = convert(&folder, precision, &tract()).unwrap();
            let model = pilotlight_onnx::decode(&file[..]).unwrap();
            let found = pilotlight_onnx::contains_operator(&model, "MatMulNBits");
            assert_eq!(found, quantized, "{precision}");
        }
    }

    #[test]
    fn weights_that_the_backend_packs_stay_as_they_are() {
        let native = Native::new(NativeOptions::default()).unwrap();
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/pii-ner");
        let encoder = ModelFolder::open(&model).unwrap();
        for precision in [Precision::Int8, Precision::Int4] {
            let file = convert(&encoder, precision, &native).unwrap();
            let model = pilotlight_onnx::decode(&file[..]).unwrap();
            assert!(pilotlight_onnx::contains_operator(&model, "MatMulNBits"), "{precision}");
        }
        let refused = convert(&encoder, Precision::Int4, &tract()).unwrap_err().to_string();
        assert!(refused.contains("by the backend native"), "{refused}");
        let (_path, no_encoder) = folder("token-classification");
        assert!(convert(&no_encoder, Precision::Int4, &native).is_err());
    }
}
