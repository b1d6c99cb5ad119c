//! Compiles components with Cranelift; without the feature `compiler` it returns an error.
//! Used by `snapshot` and `artifact`. Does not know models.

#[cfg(not(feature = "compiler"))]
mod absent;
#[cfg(feature = "compiler")]
mod cranelift;

#[cfg(not(feature = "compiler"))]
pub(crate) use absent::compile;
#[cfg(feature = "compiler")]
pub(crate) use cranelift::{compile, compile_whole};
#[cfg(feature = "compiler")]
use {crate::component_file::VERSION, pilotlight_model::Digest, pilotlight_sandbox::engine};

/// What the machine code of a component is called in the cache.
#[cfg(feature = "compiler")]
fn code_name(engine: &str, component: &[u8]) -> String {
    let compatibility = engine::compatibility();
    let parts = [VERSION.as_bytes(), engine.as_bytes(), compatibility.as_bytes(), component];
    format!("{}.cwasm", Digest::of_parts(parts))
}
