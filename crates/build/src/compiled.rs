//! Machine code and memory images in the cache, mapped into the process.

use std::cell::Cell;

use pilotlight_model::Digest;
use pilotlight_sandbox::{MemoryBounds, MemoryImage, MemorySlots};
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
    pub(crate) images: Vec<(MemoryBounds, String)>,
    pub(crate) manifest: Option<BundleManifest>,
}

/// A component in memory, and the entries that it is mapped from.
pub(crate) struct Mapped {
    pub(crate) component: Component,
    pub(crate) manifest: Option<BundleManifest>,
    pub(crate) entries: Vec<Entry>,
}

/// Maps what a component was compiled to, from the cache or newly compiled. What cannot be
/// mapped was damaged after it was written: it is compiled once more.
pub(crate) fn load(
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
    Ok(Mapped { component, manifest: compiled.manifest, entries })
}
