//! Machine code and memory images in the cache, mapped into the process.

use std::cell::Cell;
use std::sync::Arc;

use pilotlight_model::Digest;
use pilotlight_sandbox::{InitialMemory, MemoryBounds, MemoryImage, MemorySlots};
use serde::{Deserialize, Serialize};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cache::{Cache, Entry};
use crate::component_file::{read_file, refuse};
use crate::error::{Error, Result};
use crate::machine_code;
use crate::manifest::BundleManifest;
use crate::precompiled::{COMPILED_EXTENSION, MemoryStart, Precompiled};

/// What a component was compiled to: entries of the cache.
#[derive(Serialize, Deserialize)]
pub(crate) struct Compiled {
    /// Digest of the component, where another program compiled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) component: Option<Digest>,
    pub(crate) code: String,
    pub(crate) memories: Vec<CompiledMemory>,
    pub(crate) manifest: Option<BundleManifest>,
}

/// A memory of a component, and what it starts with.
#[derive(Serialize, Deserialize)]
pub(crate) struct CompiledMemory {
    /// As the machine code has them.
    pub(crate) bounds: MemoryBounds,
    /// Its size at the start.
    pub(crate) pages: u64,
    pub(crate) image: String,
}

/// A component in memory, and the entries that it is mapped from.
pub(crate) struct Mapped {
    pub(crate) component: Component,
    /// Digest of the component before it was compiled, where another program did that.
    pub(crate) digest: Option<Digest>,
    pub(crate) manifest: Option<BundleManifest>,
    pub(crate) entries: Vec<Entry>,
}

/// Maps what a component was compiled to, from the cache or newly compiled by `compile`, which sets
/// `compiled` when it has made machine code. What cannot be mapped was damaged after it was written, or
/// evicted in part: it is compiled once more.
pub(crate) fn load(
    (engine, memories): (&Engine, &MemorySlots),
    cache: &Cache,
    key: Digest,
    compiled: &Cell<bool>,
    compile: impl Fn() -> Result<Vec<u8>>,
) -> Result<Mapped> {
    let name = format!("{key}.compiled");
    let entry = cache.get_or_build(&name, &compile)?;
    match map((engine, memories), cache, entry) {
        Err(error) if !compiled.get() => {
            tracing::warn!(%error, "a cached component is not usable; it is compiled again");
            // The machine code may be what is damaged.
            if let Some(Ok(record)) = cache.get(&name).map(|entry| read(&entry)) {
                cache.remove(&record.code);
            }
            cache.remove(&name);
            map((engine, memories), cache, cache.get_or_build(&name, &compile)?)
        }
        mapped => mapped,
    }
}

fn read(entry: &Entry) -> Result<Compiled> {
    serde_json::from_slice(&read_file(&entry.path)?)
        .map_err(|error| refuse(&entry.path.display().to_string(), &error.to_string()))
}

fn map((engine, memories): (&Engine, &MemorySlots), cache: &Cache, entry: Entry) -> Result<Mapped> {
    let compiled = read(&entry)?;
    let get = |name: &String| {
        let missing = || refuse(name, "is missing in the cache or incomplete");
        cache.get(name).ok_or_else(missing)
    };
    let code = get(&compiled.code)?;
    let component = machine_code::load(engine, &code)?;
    let mut entries = vec![entry, code];
    for CompiledMemory { bounds, pages, image } in compiled.memories {
        let entry = get(&image)?;
        let image = MemoryImage::open(&entry.path).map_err(Error::io(&entry.path))?;
        memories.insert(bounds, InitialMemory { pages, image: Arc::new(image) });
        entries.push(entry);
    }
    Ok(Mapped { component, digest: compiled.component, manifest: compiled.manifest, entries })
}

/// Brings the content of a file of a compiled component, called `name`, into the cache. Returns the record of it.
///
/// # Errors
/// [`Error::Component`] when it cannot be run here, and [`Error::Cache`].
pub(crate) fn unpack(cache: &Cache, (key, name): (Digest, &str), file: &[u8]) -> Result<Vec<u8>> {
    let read = Precompiled::read(file).map_err(|reason| refuse(name, &reason))?;
    let Precompiled { compilation, manifest, code, memories } = read;
    // By its content: what this program compiles is never taken for it, and files of one guest share it.
    let code_name = format!("{}.{COMPILED_EXTENSION}", Digest::of(code));
    let code = cache.get_or_build(&code_name, || Ok(code.to_vec()))?;
    let (component, code) = (Some(compilation.component), file_name(&code));
    let mut compiled = Compiled { component, code, memories: Vec::new(), manifest };
    let starts = compilation.memories.into_iter().zip(memories).enumerate();
    for (number, (MemoryStart { bounds, pages }, contents)) in starts {
        let image = format!("{key}.{number}.image");
        cache.put(&image, contents)?;
        compiled.memories.push(CompiledMemory { bounds, pages, image });
    }
    serde_json::to_vec(&compiled).map_err(|error| refuse(name, &error.to_string()))
}

/// The name of an entry.
pub(crate) fn file_name(entry: &Entry) -> String {
    entry.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
