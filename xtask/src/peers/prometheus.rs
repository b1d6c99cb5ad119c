//! Debian's `prometheus`: a server that scrapes, and a tool that checks what is written for it.

use std::path::PathBuf;

use super::debian::unpack;
use crate::ci::or_skipped;

/// The package and the server in it.
const NAME: &str = "prometheus";
/// Name the programs to tests.
pub(crate) const SERVER: &str = "PILOTLIGHT_PROMETHEUS";
pub(crate) const TOOL: &str = "PILOTLIGHT_PROMTOOL";

/// The variables that name the programs and what they name: what they do already, or Debian's.
/// `None` where there is neither.
pub(crate) fn programs() -> anyhow::Result<Option<[(&'static str, PathBuf); 2]>> {
    if let (Some(server), Some(tool)) = (std::env::var_os(SERVER), std::env::var_os(TOOL)) {
        return Ok(Some([(SERVER, server.into()), (TOOL, tool.into())]));
    }
    let programs = unpack(NAME, [NAME, "promtool"]);
    or_skipped(
        "tests against prometheus",
        programs.map(|[server, tool]| [(SERVER, server), (TOOL, tool)]),
    )
}
