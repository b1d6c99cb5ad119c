//! Compiles components with Cranelift; without the feature `compiler` it returns an error.
//! Used by `snapshot` and `artifact`. Does not know models.

#[cfg(not(feature = "compiler"))]
mod absent;
#[cfg(feature = "compiler")]
mod cranelift;

#[cfg(not(feature = "compiler"))]
pub(crate) use absent::compile;
#[cfg(feature = "compiler")]
pub(crate) use cranelift::{Parts, compile, compile_parts, compile_whole};
#[cfg(feature = "compiler")]
use {crate::component_file::VERSION, pilotlight_model::Digest, pilotlight_sandbox::engine};

/// Why a component is not served where nothing is compiled.
const NOT_COMPILED: &str = "is not in the cache for this processor and version, and nothing is compiled here; serve \
                            the file that `pilotlight compile` writes, or fill the cache folder with \
                            `pilotlight cache warm`";

/// What the machine code of a component is called in the cache.
#[cfg(feature = "compiler")]
fn code_name(engine: &str, component: &[u8]) -> String {
    let compatibility = engine::compatibility();
    let parts = [VERSION.as_bytes(), engine.as_bytes(), compatibility.as_bytes(), component];
    format!("{}.cwasm", Digest::of_parts(parts))
}
