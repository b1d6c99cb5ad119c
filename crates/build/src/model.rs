//! From a model folder to a snapshot of it, through the cache.

use std::path::Path;

use pilotlight_model::{Choices, Digest, ModelFolder};
use pilotlight_onnx::rewrite::REVISION;

use crate::at_length::at_length;
use crate::cache::Cache;
use crate::component_file::{ComponentFile, VERSION, read_file};
use crate::error::Result;
use crate::graph::GraphRecord;
use crate::guest::Guest;
use crate::host_compute::{HostCompute, LoadedGraph, convert, of_file};
use crate::precision::Precision;
use crate::progress::{Progress, Stage};
use crate::resolve::resolved;
use crate::snapshot::{Placement, snapshot};

/// The snapshot of a model, from the cache or newly built.
pub(crate) fn built(
    (folder, choices): (&Path, &Choices),
    (guest, precision): (&Guest, Precision),
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<ComponentFile> {
    let folder = told(resolved(folder, choices, cache)?);
    let model = folder.digest();
    let (guest_digest, word) = (guest.digest(), precision.to_string());
    let parts = [VERSION.as_bytes(), guest_digest.as_bytes(), model.as_bytes(), word.as_bytes()];
    let key = Digest::of_parts(parts);
    let snapshot =
        || at_length(|| snapshot(guest, &folder, Placement::Guest(precision), cache, progress));
    Ok(cache.get_or_build(&format!("{key}.wasm"), snapshot)?.into())
}

/// Loads the graph of a model and finds or builds the snapshot that has it computed.
pub(crate) fn built_for_host(
    (folder, choices): (&Path, &Choices),
    (guest, compute): (&Guest, &HostCompute),
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<ComponentFile> {
    let folder = told(resolved(folder, choices, cache)?);
    let model = folder.digest();
    let (precision, revision) = (compute.precision.to_string(), REVISION.to_le_bytes());
    let backend = compute.graphs.backend();
    // What one converts itself, others have to have converted.
    let packer = backend.name().as_bytes();
    let parts = [VERSION.as_bytes(), &revision, model.as_bytes(), precision.as_bytes(), packer];
    let key = Digest::of_parts(parts);
    let convert = || {
        progress(Stage::Convert);
        folder.verify()?;
        at_length(|| convert(&folder, compute.precision, backend))
    };
    let file = cache.get_or_build(&format!("{key}.onnx"), convert)?;
    progress(Stage::LoadGraph);
    let file_and_digest = (read_file(&file.path)?, file.digest);
    let graph = LoadedGraph::load(compute, folder.manifest(), file_and_digest);
    let graph = graph.map_err(of_file(&folder))?;
    let guest_digest = guest.digest();
    let GraphRecord { pad_to_multiple_of, rows, any_lengths, .. } = graph.record;
    let shape = [pad_to_multiple_of, rows, any_lengths.into()].map(u32::to_le_bytes).concat();
    let digests = [&guest_digest, &model, &file.digest].map(Digest::as_bytes);
    // Two precisions may give the same graph; what the component says of it differs.
    let parts = [VERSION.as_bytes(), &shape, precision.as_bytes()].into_iter().chain(digests);
    let key = Digest::of_parts(parts);
    let snapshot =
        || at_length(|| snapshot(guest, &folder, Placement::Host(&graph), cache, progress));
    let mut component = ComponentFile::from(cache.get_or_build(&format!("{key}.wasm"), snapshot)?);
    // Not read any more, but by the next start.
    component.held.push(file);
    Ok(component)
}

/// Logs what was detected of a model.
fn told(folder: ModelFolder) -> ModelFolder {
    let model = &folder.manifest().name;
    folder.findings().iter().for_each(|finding| tracing::info!(model, "{finding}"));
    folder
}
