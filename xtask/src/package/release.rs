//! The folder of a release: packages, their checksums and the signature of those.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::cargo::execute;

/// The file with the SHA-256 digests of all others, as `sha256sum` writes it.
pub(super) const CHECKSUMS: &str = "SHA256SUMS";
/// What OpenSSH calls signatures of files.
const NAMESPACE: &str = "file";

/// A release that is being written. Its folder appears when it is complete.
#[derive(Debug)]
pub struct Release {
    output: PathBuf,
    unfinished: PathBuf,
}

impl Release {
    /// Begins a release that will be in the folder `output`.
    ///
    /// # Errors
    /// If `output` exists: a release is never changed.
    pub fn begin(output: &Path) -> anyhow::Result<Self> {
        let output = std::path::absolute(output)?;
        if output.symlink_metadata().is_ok() {
            bail!("{} exists; remove it, or name another folder with --output", output.display());
        }
        let mut unfinished = OsString::from(&output);
        unfinished.push(".unfinished");
        let unfinished = PathBuf::from(unfinished);
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).with_context(|| unfinished.display().to_string())?;
        }
        fs::create_dir_all(&unfinished).with_context(|| unfinished.display().to_string())?;
        Ok(Self { output, unfinished })
    }

    /// Where its packages are written to.
    pub fn folder(&self) -> &Path {
        &self.unfinished
    }

    /// Writes the checksums, signs them with an SSH key if there is one, and returns the folder of the release.
    ///
    /// # Errors
    /// If there is no package, or the key cannot sign.
    pub fn finish(self, key: Option<&Path>) -> anyhow::Result<PathBuf> {
        self.write_checksums()?;
        if let Some(key) = key {
            self.sign(key)?;
        }
        let renamed = fs::rename(&self.unfinished, &self.output);
        renamed.with_context(|| self.output.display().to_string())?;
        Ok(self.output.clone())
    }

    fn write_checksums(&self) -> anyhow::Result<()> {
        let folder = self.folder();
        let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
        let mut names = entries
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<std::io::Result<Vec<OsString>>>()
            .with_context(|| folder.display().to_string())?;
        ensure!(!names.is_empty(), "{} has no packages", folder.display());
        names.sort();
        let mut command = Command::new("sha256sum");
        let output = command.arg("--").args(names).current_dir(folder).output();
        let output = output.context("cannot run sha256sum")?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "sha256sum: {}", error.trim());
        let file = folder.join(CHECKSUMS);
        fs::write(&file, output.stdout).with_context(|| file.display().to_string())
    }

    /// Writes a signature that `ssh-keygen -Y verify` checks.
    fn sign(&self, key: &Path) -> anyhow::Result<()> {
        let key = std::path::absolute(key)?;
        let display = key.display();
        ensure!(
            key.is_file(),
            "{display}: there is no such key; create one with `ssh-keygen -t ed25519 -f {display}`"
        );
        let mut command = Command::new("ssh-keygen");
        command.args(["-Y", "sign", "-n", NAMESPACE, "-f"]).arg(&key).arg(CHECKSUMS);
        execute(command.current_dir(self.folder()))
    }
}

impl Drop for Release {
    /// Removes what was not finished.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.unfinished);
    }
}
