//! From a component to machine code and memory images in the cache.

use pilotlight_model::Digest;
use wasmtime::Engine;

use crate::cache::Cache;
use crate::compiled::Compiled;
use crate::component_file::refuse;
use crate::error::Result;
use crate::manifest::BundleManifest;
use crate::memory_image::{Split, split};

/// Compiles a component, and sets apart what its memories start with.
pub(crate) fn compile(
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
    let manifest = BundleManifest::of(bytes).map_err(|error| refuse(name, &error.to_string()))?;
    let code_name = format!("{key}.cwasm");
    let mut compiled = Compiled { code: code_name, images: Vec::new(), manifest };
    cache.put(&compiled.code, &code)?;
    for (number, (limits, image)) in images.into_iter().enumerate() {
        let name = format!("{key}.{number}.image");
        cache.put(&name, &image)?;
        compiled.images.push((limits, name));
    }
    serde_json::to_vec(&compiled).map_err(|error| refuse(name, &error.to_string()))
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
