//! The graph that the host computes for a component, in a file beside the component. Where a model has several
//! graphs, the file is a package of them.

use std::path::Path;

use pilotlight_inference::{EngineKind, Graph, GraphOptions, Graphs, Package};
use pilotlight_model::Digest;
use serde::{Deserialize, Serialize};

use crate::background;
use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::precision::Precision;

/// The backend of our own kernels.
const NATIVE: &str = "native";

/// A component's graph lies beside it with this extension.
pub const GRAPH_EXTENSION: &str = "onnx";

/// Graph that the host computes for a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphRecord {
    /// Name of the graph for the guest.
    pub name: String,
    /// SHA-256 of its file.
    pub sha256: Digest,
    /// Numbers that it computes with.
    pub precision: Precision,
    /// Engine that was fastest at build time, if that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineKind>,
    /// Texts are padded to multiples of so many tokens.
    pub pad_to_multiple_of: u32,
    /// Maximum number of texts of a request that are computed at once.
    pub rows: u32,
    /// Whether texts of different lengths are computed at once, without their padding.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub any_lengths: bool,
    /// Reason why rows of different callers do not share batches, if they do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixes_rows: Option<String>,
}

impl GraphRecord {
    /// Loads the file of the graph, which lies beside the component in `file`, unless `graphs` has
    /// one of its name already.
    ///
    /// # Errors
    /// [`Error::Component`] when it is not the graph that the component was built with,
    /// [`Error::Io`] when it cannot be read.
    pub fn load_beside(
        &self,
        file: &Path,
        graphs: &Graphs,
        options: GraphOptions,
        cache: &Cache,
    ) -> Result<()> {
        if graphs.get(&self.name).is_ok() {
            return Ok(());
        }
        let beside = file.with_extension(GRAPH_EXTENSION);
        let digest = cache.digest_of(std::slice::from_ref(&beside), || {
            Ok(Digest::of(&std::fs::read(&beside).map_err(Error::io(&beside))?))
        })?;
        if digest != self.sha256 {
            let reason = format!(
                "is not the graph with which {} was built, whose SHA-256 is {}",
                file.display(),
                self.sha256
            );
            return Err(Error::Component { name: beside.display().to_string(), reason });
        }
        let bytes = std::fs::read(&beside).map_err(Error::io(&beside))?;
        let mut options = self.precision.set(options);
        options.engine = self.engine;
        load_graphs(graphs, &self.name, bytes, options)?;
        Ok(())
    }

    /// Warns when `graphs` computes slower in this precision than in another.
    pub fn warn_if_slow(&self, graphs: &Graphs) {
        let engine = graphs.get(&self.name).map(|graph| graph.status().backend);
        match (self.precision, engine) {
            (Precision::Int8, Ok("tract")) => tracing::warn!(
                "tract is slower in int8 than in f32; use ONNX Runtime, or precision f32"
            ),
            (Precision::Int4, Ok("tract" | "onnxruntime")) => tracing::warn!(
                "the graph was built for the backend native, which is several times as fast in int4"
            ),
            _ => {}
        }
    }
}

/// A graph with the name that it is loaded by.
pub(crate) type NamedGraph = (String, Graph);

/// Loads the graph in `file` as `name`, or the graphs of a package: the first as `name`, others as `name/PART`.
/// Returns them in the order of the package. Blocks.
///
/// # Errors
/// [`Error::Refused`] for a broken package, and those of [`Graphs::load`].
pub(crate) fn load_graphs(
    graphs: &Graphs,
    name: &str,
    file: Vec<u8>,
    options: GraphOptions,
) -> Result<Vec<NamedGraph>> {
    if !Package::is(&file) {
        return Ok(vec![(name.to_owned(), load_graph(graphs, name, file, options)?)]);
    }
    let package =
        Package::read(&file).map_err(|error| Error::Refused(format!("{name}: {error}")))?;
    let named = package.parts().iter().enumerate().map(|(place, (part, content))| match place {
        0 => (name.to_owned(), *content),
        _ => (format!("{name}/{part}"), *content),
    });
    // The one that is looked for comes last: it is never there without the others.
    let load = |(name, content): (String, &[u8])| {
        let graph = load_graph(graphs, &name, content.to_vec(), options)?;
        Ok((name, graph))
    };
    let mut loaded = named.rev().map(load).collect::<Result<Vec<_>>>()?;
    loaded.reverse();
    Ok(loaded)
}

/// Has a graph of our kernels packed at low priority in the background. It is tried out and opened on
/// the calling thread, since that takes locks that requests wait for; so does what other backends do to
/// load a graph.
fn load_graph(graphs: &Graphs, name: &str, file: Vec<u8>, options: GraphOptions) -> Result<Graph> {
    if graphs.backend().name() != NATIVE {
        return Ok(graphs.load(name, file, options)?);
    }
    let packed = background::low(|| Ok(graphs.pack(name, file, options)?))?;
    Ok(graphs.open(name, packed)?)
}
