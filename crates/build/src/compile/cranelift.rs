//! From a component to machine code and memory images in the cache.

use pilotlight_model::Digest;
use wasmtime::Engine;

use super::code_name;
use crate::at_length::at_length;
use crate::cache::{Cache, Entry};
use crate::compiled::{Compiled, CompiledMemory};
use crate::component_file::refuse;
use crate::error::Result;
use crate::manifest::BundleManifest;
use crate::memory_image::{Initial, Split, split};

/// Sets apart what a component's memories start with, and compiles the rest, unless the code of a
/// component with the same rest is in the cache: of two models in one guest, the guest is compiled
/// once. `compiling` is called before it is. Returns the record of it all.
pub(crate) fn compile(
    engine: &Engine,
    cache: &Cache,
    (key, name): (Digest, &str),
    bytes: &[u8],
    compiling: impl FnOnce(),
) -> Result<Vec<u8>> {
    check_component(name, bytes)?;
    let cannot =
        |error: &dyn std::fmt::Display| refuse(name, &format!("cannot be compiled: {error}"));
    let Split { component, memories } = split(bytes).map_err(|error| cannot(&error))?;
    let manifest = BundleManifest::of(bytes).map_err(|error| refuse(name, &error.to_string()))?;
    let code = code_name("serving", &component);
    cache.get_or_build(&code, || {
        compiling();
        let code = at_length(|| Ok(engine.precompile_component(&component)))?;
        code.map_err(|error| cannot(&format!("{error:#}")))
    })?;
    let mut compiled = Compiled { code, memories: Vec::new(), manifest };
    for (number, (bounds, Initial { pages, contents })) in memories.into_iter().enumerate() {
        let image = format!("{key}.{number}.image");
        cache.put(&image, &contents)?;
        compiled.memories.push(CompiledMemory { bounds, pages, image });
    }
    serde_json::to_vec(&compiled).map_err(|error| refuse(name, &error.to_string()))
}

/// The machine code of a component that is not split, from the cache or newly compiled.
pub(crate) fn compile_whole(engine: &Engine, cache: &Cache, component: &[u8]) -> Result<Entry> {
    cache.get_or_build(&code_name("building", component), || {
        engine.precompile_component(component).map_err(|error| {
            refuse("the guest component", &format!("cannot be compiled: {error:#}"))
        })
    })
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
