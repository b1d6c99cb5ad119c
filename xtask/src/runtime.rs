//! The shared library of ONNX Runtime.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::build::binary;
use crate::ci::or_skipped;
use crate::peers;

/// The Python package that has the library in it.
const PACKAGE: &str = "onnxruntime==1.32.0";
/// Where the backend looks for it.
const VARIABLE: &str = "ORT_DYLIB_PATH";

/// The library: what `ORT_DYLIB_PATH` names, or one put into the target folder with pip. `None`,
/// said aloud, when there is no Python; an error in CI.
pub fn library() -> anyhow::Result<Option<PathBuf>> {
    if let Some(path) = std::env::var_os(VARIABLE) {
        return Ok(Some(PathBuf::from(path)));
    }
    or_skipped("whatever needs ONNX Runtime", install())
}

/// Names the library to tests, which fail without it.
pub(crate) fn require(command: &mut Command) -> anyhow::Result<()> {
    if let Some(library) = library()? {
        command.env(VARIABLE, library).env("PILOTLIGHT_REQUIRE_ORT", "1");
    }
    Ok(())
}

/// Puts the library beside the built program, which finds it there.
pub(crate) fn place() -> anyhow::Result<()> {
    let library = install()?;
    let folder = binary().parent().map_or_else(PathBuf::new, Path::to_owned);
    fs::create_dir_all(&folder)?;
    let (place, beside) = (folder.join("libonnxruntime.so"), folder.join("libonnxruntime.so.new"));
    fs::copy(&library, &beside).with_context(|| beside.display().to_string())?;
    fs::rename(&beside, &place)?;
    println!("{}: {PACKAGE}", place.display());
    Ok(())
}

fn install() -> anyhow::Result<PathBuf> {
    let python = peers::environment()?;
    peers::install(&python, &[PACKAGE])?;
    let script = "import importlib.util as u; print(u.find_spec('onnxruntime').origin)";
    let found = Command::new(&python).args(["-c", script]).output().context("asking Python")?;
    let origin = PathBuf::from(String::from_utf8(found.stdout)?.trim());
    let folder = origin.with_file_name("capi");
    let is_library = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        name.is_some_and(|name| name.starts_with("libonnxruntime.so"))
    };
    let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    paths.filter(is_library).max().with_context(|| format!("{PACKAGE} holds no library"))
}
