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

/// What a component was compiled to: entries of the cache.
#[derive(Serialize, Deserialize)]
pub(crate) struct Compiled {
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
    Ok(Mapped { component, manifest: compiled.manifest, entries })
}
