//! From a component to a file with its machine code.

use std::path::Path;

use pilotlight_bundle::Bundle;
use pilotlight_model::Digest;
use pilotlight_sandbox::{Processor, engine};
use serde_json::Value;

use crate::cache::Cache;
use crate::compile::{Parts, compile_parts};
use crate::component_file::{read_file, refuse};
use crate::error::Result;
use crate::manifest::BundleManifest;
use crate::memory_image::{Initial, leb128};
use crate::precompiled::{CODE, Compilation, KEY, MEMORY, MemoryStart};
use crate::progress::{Progress, Stage};

/// A component without content (component model, binary format).
const EMPTY: &[u8; 8] = b"\0asm\x0d\0\x01\0";

/// A compiled component.
#[derive(Debug)]
#[non_exhaustive]
pub struct Precompilation {
    /// The content of its file, which is sealed and not signed.
    pub file: Vec<u8>,
    /// What was compiled.
    pub compilation: Compilation,
    /// The manifest of the component.
    pub manifest: Option<BundleManifest>,
}

/// Compiles the component in the file `path` for a processor. Machine code of a guest that was compiled before for
/// the same features comes from `cache`. Blocks.
///
/// # Errors
/// [`Error`](crate::Error) naming the file and the reason.
pub fn precompile(
    path: &Path,
    processor: &Processor,
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<Precompilation> {
    let name = path.display().to_string();
    let component = read_file(path)?;
    let bundle = Bundle::read(&component).map_err(|error| refuse(&name, &error.to_string()))?;
    if bundle.as_ref().and_then(Compilation::of_bundle).is_some() {
        return Err(refuse(&name, "is compiled already"));
    }
    let mut compilation = Compilation::of(Digest::of(&component), processor);
    let engine = engine::compiling(processor)?;
    let target = format!("compiling for {}", compilation.features.join(" "));
    let compiling = || progress(Stage::Compile);
    let Parts { code, memories, manifest } =
        compile_parts((&engine, &target), cache, &name, &component, compiling)?;
    let code = read_file(&code.path)?;
    let mut file = EMPTY.to_vec();
    write_section(CODE, &code, &mut file).map_err(|reason| refuse(&name, reason))?;
    for (bounds, Initial { pages, contents }) in memories {
        write_section(MEMORY, &contents, &mut file).map_err(|reason| refuse(&name, reason))?;
        compilation.memories.push(MemoryStart { bounds, pages });
    }
    let sealed = sealed(&compilation, manifest.as_ref())
        .map_err(|error| refuse(&name, &error.to_string()))?;
    pilotlight_bundle::seal(&mut file, &sealed)
        .map_err(|error| refuse(&name, &error.to_string()))?;
    Ok(Precompilation { file, compilation, manifest })
}

/// The manifest of a compiled component: that of the component, and what was compiled.
fn sealed(
    compilation: &Compilation,
    manifest: Option<&BundleManifest>,
) -> serde_json::Result<Vec<u8>> {
    let mut sealed = match manifest.map(serde_json::to_value).transpose()? {
        Some(Value::Object(manifest)) => manifest,
        _ => serde_json::Map::new(),
    };
    sealed.insert(KEY.to_owned(), serde_json::to_value(compilation)?);
    serde_json::to_vec(&sealed)
}

/// Writes a custom section (WebAssembly core specification, 5.5.3).
fn write_section(
    name: &str,
    content: &[u8],
    file: &mut Vec<u8>,
) -> std::result::Result<(), &'static str> {
    let size = 1 + name.len() + content.len();
    if u32::try_from(size).is_err() {
        return Err(
            "its machine code or a memory does not fit in a section of WebAssembly (4 GiB)",
        );
    }
    // Names of sections here are shorter than 128 bytes: one byte of LEB128.
    file.push(0);
    leb128(size as u64, file);
    file.push(name.len() as u8);
    file.extend_from_slice(name.as_bytes());
    file.extend_from_slice(content);
    Ok(())
}
