//! Debian's `docker-registry`: a registry to push to and pull from.

use std::path::PathBuf;

use super::debian::unpack;
use crate::ci::or_skipped;

/// The package and its program.
const NAME: &str = "docker-registry";
/// Names the program to tests.
pub(crate) const VARIABLE: &str = "PILOTLIGHT_DOCKER_REGISTRY";

/// The program: what `PILOTLIGHT_DOCKER_REGISTRY` names, or Debian's. `None` where there is none.
pub(crate) fn program() -> anyhow::Result<Option<PathBuf>> {
    if let Some(path) = std::env::var_os(VARIABLE) {
        return Ok(Some(PathBuf::from(path)));
    }
    let program = unpack(NAME, [NAME]).map(|[program]| program);
    or_skipped("tests against docker-registry", program)
}
