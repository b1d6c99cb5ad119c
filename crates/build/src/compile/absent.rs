use pilotlight_model::Digest;
use wasmtime::Engine;

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
    let reason = "is not in the cache for this processor and version, and this build cannot compile; \
                  load it once with a build that has the feature `compiler` and the same cache folder";
    Err(refuse(name, reason))
}
