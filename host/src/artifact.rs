//! From a model folder or a component file to a compiled component, through the cache.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pilotlight_model::{Digest, ModelFolder};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cache::{Cache, Entry};
use crate::engine;
use crate::error::{Error, Result};
use crate::machine_code;
use crate::progress::{Progress, Stage};
use crate::snapshot::snapshot;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a function is made of.
#[derive(Debug, Clone)]
pub enum Source {
    /// A model folder; it is built into a component with the given guest.
    Model {
        /// The folder.
        folder: PathBuf,
        /// The guest component, [`guest`](crate::guest) unless somebody brings their own.
        guest: Vec<u8>,
    },
    /// A component that serves HTTP.
    Component(PathBuf),
}

impl Source {
    fn name(&self) -> String {
        match self {
            Self::Model { folder, .. } => folder.display().to_string(),
            Self::Component(file) => file.display().to_string(),
        }
    }
}

/// A component ready to be linked.
pub(crate) struct Artifact {
    pub(crate) component: Component,
    pub(crate) name: String,
}

/// Reads a component, each time it is called.
type Read = Box<dyn Fn() -> Result<Arc<[u8]>>>;

/// Compiles `source` for `engine`, or finds what an earlier run has compiled. Blocks.
pub(crate) fn prepare(
    source: &Source,
    engine: &Engine,
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<Artifact> {
    let name = source.name();
    let (digest, read): (Digest, Read) = match source {
        Source::Model { folder, guest } => {
            let Entry { path, digest } = built(folder, guest, cache, progress)?;
            (digest, Box::new(move || Ok(read_file(&path)?.into())))
        }
        Source::Component(file) => {
            let bytes: Arc<[u8]> = read_file(file)?.into();
            (Digest::of(&bytes), Box::new(move || Ok(Arc::clone(&bytes))))
        }
    };
    let compile = || {
        progress(Stage::Compile);
        let bytes = read()?;
        check_component(&name, &bytes)?;
        engine
            .precompile_component(&bytes)
            .map_err(|error| refuse(&name, &format!("cannot be compiled: {error:#}")))
    };
    let component = compiled(engine, cache, digest, compile)?;
    Ok(Artifact { component, name })
}

/// The snapshot of a model, from the cache or newly built.
fn built(folder: &Path, guest: &[u8], cache: &Cache, progress: Progress<'_>) -> Result<Entry> {
    let folder = ModelFolder::open(folder)?;
    let (guest_digest, model) = (Digest::of(guest), folder.digest());
    let parts = [VERSION.as_bytes(), guest_digest.as_bytes(), model.as_bytes()];
    let key = Digest::of_parts(parts);
    let mut fresh = false;
    let entry = cache.get_or_build(&format!("{key}.wasm"), || {
        fresh = true;
        snapshot(guest, &folder, progress)
    })?;
    if !fresh {
        // The key holds the digests in the manifest; the files may have changed since.
        folder.verify()?;
    }
    Ok(entry)
}

/// Machine code of the component, from the cache or newly compiled. What cannot be mapped was
/// damaged after it was written: it is compiled once more.
fn compiled(
    engine: &Engine,
    cache: &Cache,
    component: Digest,
    compile: impl Fn() -> Result<Vec<u8>>,
) -> Result<Component> {
    let compatibility = engine::compatibility(engine);
    let parts = [VERSION.as_bytes(), compatibility.as_bytes(), component.as_bytes()];
    let name = format!("{}.cwasm", Digest::of_parts(parts));
    let fresh = Cell::new(false);
    let build = || {
        fresh.set(true);
        compile()
    };
    match machine_code::load(engine, &cache.get_or_build(&name, build)?) {
        Err(error) if !fresh.get() => {
            tracing::warn!(%error, "the compiled code in the cache is damaged");
            cache.remove(&name);
            machine_code::load(engine, &cache.get_or_build(&name, build)?)
        }
        loaded => loaded,
    }
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
