//! From a model folder or a component file to a compiled component, through the cache.

use std::cell::Cell;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use pilotlight_bundle::Policy;
use pilotlight_model::{Digest, MANIFEST_FILE, ModelFolder};
use pilotlight_onnx::rewrite::REVISION;
use pilotlight_sandbox::{MemoryBounds, MemoryImage, MemorySlots, engine};
use serde::{Deserialize, Serialize};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::background;
use crate::cache::{Cache, Entry};
use crate::error::{Error, Result};
use crate::graph::{GraphRecord, HostCompute, LoadedGraph, Precision, convert};
use crate::guest::Guest;
use crate::image::{Split, split};
use crate::machine_code;
use crate::progress::{Progress, Stage};
use crate::section::Provenance;
use crate::snapshot::{Placement, snapshot};

/// What names entries of the cache; the number counts forms of snapshots.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " 2");

/// What a function is made of.
#[derive(Debug, Clone)]
pub enum Source {
    /// A model folder; it is built into a component with the given guest.
    Model {
        /// The folder.
        folder: PathBuf,
        /// What the model is loaded into.
        guest: Guest,
        /// What computes it.
        compute: ModelCompute,
    },
    /// A component that serves HTTP.
    Component(PathBuf),
}

/// Where the matrix work of a model is done.
#[derive(Debug, Clone)]
pub enum ModelCompute {
    /// In the sandbox, with numbers of this precision.
    Guest(Precision),
    /// By the host.
    Host(HostCompute),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Model { folder: path, .. } | Self::Component(path)) = self;
        path.display().fmt(f)
    }
}

/// A component ready to be linked.
pub(crate) struct Artifact {
    pub(crate) component: Component,
    pub(crate) name: String,
    /// Of the component, before it was compiled.
    pub(crate) digest: Digest,
    /// It was not in the cache.
    pub(crate) compiled: bool,
    /// What it says of itself.
    pub(crate) provenance: Option<Provenance>,
    /// Entries of the cache that it is made of.
    pub(crate) held: Vec<Entry>,
}

/// What a component was compiled to: entries of the cache.
#[derive(Serialize, Deserialize)]
struct Compiled {
    code: String,
    images: Vec<(MemoryBounds, String)>,
    provenance: Option<Provenance>,
}

/// A component's file.
struct ToCompile {
    path: PathBuf,
    digest: Digest,
    held: Vec<Entry>,
}

impl From<Entry> for ToCompile {
    fn from(entry: Entry) -> Self {
        Self { path: entry.path.clone(), digest: entry.digest, held: vec![entry] }
    }
}

/// A component in memory, and the entries that it is mapped from.
struct Mapped {
    component: Component,
    provenance: Option<Provenance>,
    entries: Vec<Entry>,
}

/// Compiles `source` for `engine` and `memories`, or finds what an earlier run has compiled.
/// Blocks.
pub(crate) fn prepare(
    (source, policy): (&Source, Option<&Policy>),
    (engine, memories): (&Engine, &MemorySlots),
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<Artifact> {
    let name = source.to_string();
    if let (Source::Model { .. }, Some(Policy::Signature { .. })) = (source, policy) {
        let reason = "is a model folder, which nobody signs; signatures are required: build a \
                      component from it, and sign that";
        return Err(refuse(&name, reason));
    }
    let ToCompile { path, digest, mut held } = match source {
        Source::Model { folder, guest, compute } => match compute {
            ModelCompute::Guest(precision) => built(folder, (guest, *precision), cache, progress)?,
            ModelCompute::Host(compute) => {
                built_for_host(folder, (guest, compute), cache, progress)?
            }
        },
        Source::Component(file) => {
            let held = cache.entry_at(file).into_iter().collect();
            let digest = || Ok(Digest::of(&read_file(file)?));
            let digest = match policy {
                Some(policy) => admitted(policy, &name, &read_file(file)?)?,
                None => cache.digest_of(std::slice::from_ref(file), digest)?,
            };
            ToCompile { path: file.clone(), digest, held }
        }
    };
    let compatibility = engine::compatibility(engine);
    let parts = [VERSION.as_bytes(), compatibility.as_bytes(), digest.as_bytes()];
    let key = Digest::of_parts(parts);
    let compiled = Cell::new(false);
    let compile = || {
        compiled.set(true);
        progress(Stage::Compile);
        let bytes = read_file(&path)?;
        if Digest::of(&bytes) != digest {
            return Err(refuse(&name, "was changed while it was loaded; try again"));
        }
        background::at_length(|| compile(engine, cache, key, &name, &bytes))
    };
    let Mapped { component, provenance, entries } = load((engine, memories), cache, key, compile)?;
    held.extend(entries);
    Ok(Artifact { component, name, digest, compiled: compiled.get(), provenance, held })
}

/// The digest of a component that shows what is asked of it.
fn admitted(policy: &Policy, name: &str, component: &[u8]) -> Result<Digest> {
    policy.admit(component).map_err(|error| refuse(name, &error.to_string()))?;
    Ok(Digest::of(component))
}

/// The snapshot of a model, from the cache or newly built.
fn built(
    folder: &Path,
    (guest, precision): (&Guest, Precision),
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<ToCompile> {
    let folder = ModelFolder::open(folder)?;
    let model = digest_of_model(&folder, cache)?;
    let (guest_digest, word) = (guest.digest(), precision.to_string());
    let parts = [VERSION.as_bytes(), guest_digest.as_bytes(), model.as_bytes(), word.as_bytes()];
    let key = Digest::of_parts(parts);
    let snapshot = || {
        background::at_length(|| snapshot(guest, &folder, Placement::Guest(precision), progress))
    };
    Ok(cache.get_or_build(&format!("{key}.wasm"), snapshot)?.into())
}

/// Loads the graph of a model and finds or builds the snapshot that has it computed.
fn built_for_host(
    folder: &Path,
    (guest, compute): (&Guest, &HostCompute),
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<ToCompile> {
    let folder = ModelFolder::open(folder)?;
    let model = digest_of_model(&folder, cache)?;
    let (precision, revision) = (compute.precision.to_string(), REVISION.to_le_bytes());
    let parts = [VERSION.as_bytes(), &revision, model.as_bytes(), precision.as_bytes()];
    let key = Digest::of_parts(parts);
    let convert = || {
        progress(Stage::Convert);
        folder.verify()?;
        background::at_length(|| convert(&folder, compute.precision))
    };
    let file = cache.get_or_build(&format!("{key}.onnx"), convert)?;
    progress(Stage::LoadGraph);
    let name = &folder.manifest().name;
    let graph = LoadedGraph::load(compute, name, (read_file(&file.path)?, file.digest))?;
    let guest_digest = guest.digest();
    let GraphRecord { bucket, rows, .. } = graph.record;
    let shape = [bucket, rows].map(u32::to_le_bytes).concat();
    let digests = [&guest_digest, &model, &file.digest].map(Digest::as_bytes);
    // Two precisions may give the same graph; what the component says of it differs.
    let parts = [VERSION.as_bytes(), &shape, precision.as_bytes()].into_iter().chain(digests);
    let key = Digest::of_parts(parts);
    let snapshot =
        || background::at_length(|| snapshot(guest, &folder, Placement::Host(&graph), progress));
    let mut component = ToCompile::from(cache.get_or_build(&format!("{key}.wasm"), snapshot)?);
    // Not read any more, but by the next start.
    component.held.push(file);
    Ok(component)
}

/// The digest that names a model, once its files are known to be those of its manifest.
fn digest_of_model(folder: &ModelFolder, cache: &Cache) -> Result<Digest> {
    let names = folder.manifest().files.keys().map(String::as_str).chain([MANIFEST_FILE]);
    let files: Vec<_> = names.map(|name| folder.path().join(name)).collect();
    // The digests in the manifest name the snapshot; this says that the files are still theirs.
    cache.digest_of(&files, || {
        folder.verify()?;
        Ok(folder.digest())
    })
}

/// Maps what a component was compiled to, from the cache or newly compiled. What cannot be
/// mapped was damaged after it was written: it is compiled once more.
fn load(
    (engine, memories): (&Engine, &MemorySlots),
    cache: &Cache,
    key: Digest,
    compile: impl Fn() -> Result<Vec<u8>>,
) -> Result<Mapped> {
    let name = format!("{key}.compiled");
    let fresh = Cell::new(false);
    let build = || {
        fresh.set(true);
        compile()
    };
    let map = || {
        let entry = cache.get_or_build(&name, build)?;
        map((engine, memories), cache, entry)
    };
    match map() {
        Err(error) if !fresh.get() => {
            tracing::warn!(%error, "the compiled code in the cache is damaged");
            cache.remove(&name);
            map()
        }
        mapped => mapped,
    }
}

fn map((engine, memories): (&Engine, &MemorySlots), cache: &Cache, entry: Entry) -> Result<Mapped> {
    let compiled: Compiled = serde_json::from_slice(&read_file(&entry.path)?)
        .map_err(|error| refuse(&entry.path.display().to_string(), &error.to_string()))?;
    let get = |name: &String| {
        let missing = || refuse(name, "is not in the cache, or not whole");
        cache.get(name).ok_or_else(missing)
    };
    let code = get(&compiled.code)?;
    let component = machine_code::load(engine, &code)?;
    let mut entries = vec![entry, code];
    for (limits, name) in &compiled.images {
        let image = get(name)?;
        memories.insert(*limits, MemoryImage::open(&image.path).map_err(Error::io(&image.path))?);
        entries.push(image);
    }
    Ok(Mapped { component, provenance: compiled.provenance, entries })
}

/// Compiles a component, and sets apart what its memories start with.
fn compile(
    engine: &Engine,
    cache: &Cache,
    key: Digest,
    name: &str,
    bytes: &[u8],
) -> Result<Vec<u8>> {
    check_component(name, bytes)?;
    let cannot =
        |error: &dyn std::fmt::Display| refuse(name, &format!("cannot be compiled: {error}"));
    let Split { component, images } = split(bytes).map_err(|error| cannot(&error))?;
    let code =
        engine.precompile_component(&component).map_err(|error| cannot(&format!("{error:#}")))?;
    let provenance = Provenance::of(bytes).map_err(|error| refuse(name, &error.to_string()))?;
    let code_name = format!("{key}.cwasm");
    let mut compiled = Compiled { code: code_name, images: Vec::new(), provenance };
    cache.put(&compiled.code, &code)?;
    for (number, (limits, image)) in images.into_iter().enumerate() {
        let name = format!("{key}.{number}.image");
        cache.put(&name, &image)?;
        compiled.images.push((limits, name));
    }
    serde_json::to_vec(&compiled).map_err(|error| refuse(name, &error.to_string()))
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(Error::io(path))
}

fn refuse(name: &str, reason: &str) -> Error {
    Error::Component { name: name.to_owned(), reason: reason.to_owned() }
}

/// Says what a file is if it is no component.
fn check_component(name: &str, bytes: &[u8]) -> Result<()> {
    if wasmparser::Parser::is_component(bytes) {
        return Ok(());
    }
    let reason = if wasmparser::Parser::is_core_wasm(bytes) {
        "is a core WebAssembly module; a component is needed (target wasm32-wasip2)"
    } else {
        "is not a WebAssembly component"
    };
    Err(refuse(name, reason))
}
