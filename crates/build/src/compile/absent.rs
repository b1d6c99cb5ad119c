use pilotlight_model::Digest;
use wasmtime::Engine;

use super::NOT_COMPILED;
use crate::cache::Cache;
use crate::component_file::refuse;
use crate::error::Result;

/// Refuses a component that is not in the cache.
pub(crate) fn compile(
    _: &Engine,
    _: &Cache,
    (_, name): (Digest, &str),
    _: &[u8],
    _: impl FnOnce(),
) -> Result<Vec<u8>> {
    Err(refuse(name, NOT_COMPILED))
}
