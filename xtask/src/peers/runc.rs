//! Debian's `runc`: runs the container of an image.

use std::path::PathBuf;

use super::debian::unpack;
use crate::ci::or_skipped;

/// The package and its program.
const NAME: &str = "runc";
/// Names the program to tests.
pub(crate) const VARIABLE: &str = "PILOTLIGHT_RUNC";

/// The program: what `PILOTLIGHT_RUNC` names, or Debian's. `None` where there is none.
pub(crate) fn program() -> anyhow::Result<Option<PathBuf>> {
    if let Some(path) = std::env::var_os(VARIABLE) {
        return Ok(Some(PathBuf::from(path)));
    }
    or_skipped("tests of images with runc", unpack(NAME, [NAME]).map(|[program]| program))
}
