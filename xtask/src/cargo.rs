//! Cargo, and the folders of the workspace.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::output;

/// Names the guests to the host's build script.
const GUESTS: &str = "PILOTLIGHT_GUESTS";

/// The workspace's root.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// The folder that cargo builds into.
pub fn target() -> PathBuf {
    let set = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    root().join(set.unwrap_or_else(|| PathBuf::from("target")))
}

/// The folder of the guests that the host carries.
pub(crate) fn guests() -> PathBuf {
    std::env::var_os(GUESTS).map_or_else(|| target().join("guests"), PathBuf::from)
}

/// `cargo` with `arguments`, at the root.
pub fn cargo(arguments: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = if output::is_beside() {
        // What runs beside other steps takes what they leave.
        let mut command = Command::new("nice");
        command.args(["-n", "10"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    // The same for all commands: whenever it changes, Cargo builds the host and its tests again.
    command.args(arguments).current_dir(root()).env(GUESTS, guests());
    command
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be started or fails.
pub fn execute(command: &mut Command) -> anyhow::Result<()> {
    let shown = format!("{command:?}");
    output::log(command)?;
    let status = command.status().with_context(|| format!("cannot run {shown}"))?;
    if !status.success() {
        bail!("{shown}: {status}");
    }
    Ok(())
}
