//! Clients of other servers, which tests drive against Pilotlight: packages of Python and JavaScript in
//! `target/clients`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::cargo::{execute, root, target};
use crate::ci::or_skipped;

/// The tests, and the versions of the clients.
const TESTS: &str = "tests/clients";
/// Names the folder of the clients to tests.
pub(crate) const VARIABLE: &str = "PILOTLIGHT_CLIENTS";
/// Python environments and what is installed into each: some clients need older versions of others.
const ENVIRONMENTS: [(&str, &str); 2] =
    [("python", "requirements.txt"), ("python-older", "requirements-older.txt")];
/// Versions of what the clients depend on.
const CONSTRAINTS: &str = "constraints.txt";
const JAVASCRIPT: &str = "javascript";

/// `cargo xtask clients`.
pub(crate) fn run() -> anyhow::Result<()> {
    println!("{}", install()?.display());
    Ok(())
}

/// The folder: what `PILOTLIGHT_CLIENTS` names, or one in the target folder. `None`, said aloud, where
/// there is no Python or no npm; an error in CI.
pub(crate) fn folder() -> anyhow::Result<Option<PathBuf>> {
    if let Some(path) = std::env::var_os(VARIABLE) {
        return Ok(Some(PathBuf::from(path)));
    }
    or_skipped("tests with other servers' clients", install())
}

/// Installs what is not there yet.
fn install() -> anyhow::Result<PathBuf> {
    let (folder, tests) = (target().join("clients"), root().join(TESTS));
    let constraints = tests.join(CONSTRAINTS);
    for (name, requirements) in ENVIRONMENTS {
        let (environment, requirements) = (folder.join(name), tests.join(requirements));
        once(&environment, &[&requirements, &constraints], || {
            install_python(&environment, &requirements, &constraints)
        })?;
    }
    let (packages, list) = (folder.join(JAVASCRIPT), tests.join("javascript/package.json"));
    once(&packages, &[&list], || install_javascript(&packages, &list))?;
    Ok(folder)
}

/// Makes a folder anew, unless it was made from files with the same contents.
fn once(
    folder: &Path,
    files: &[&Path],
    make: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut contents = String::new();
    for file in files {
        contents += &fs::read_to_string(file).with_context(|| file.display().to_string())?;
    }
    let record = folder.join("made-from");
    if fs::read_to_string(&record).is_ok_and(|former| former == contents) {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    make()?;
    fs::write(&record, contents).with_context(|| record.display().to_string())
}

fn install_python(
    environment: &Path,
    requirements: &Path,
    constraints: &Path,
) -> anyhow::Result<()> {
    execute(Command::new("python3").args(["-m", "venv"]).arg(environment))?;
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    // Most of the modules are never imported.
    pip.arg("--no-compile");
    pip.arg("--requirement").arg(requirements).arg("--constraint").arg(constraints);
    execute(&mut pip)
}

fn install_javascript(folder: &Path, list: &Path) -> anyhow::Result<()> {
    let copy = folder.join("package.json");
    fs::copy(list, &copy).with_context(|| copy.display().to_string())?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--package-lock=false", "--ignore-scripts"]);
    npm.args(["--no-audit", "--no-fund", "--loglevel", "error"]);
    execute(npm.current_dir(folder))
}
