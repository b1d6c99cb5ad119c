//! Each package is installed into a test root, and the program there says its version.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::formats::{VERSION, archive_name};
use super::staging::PROGRAM;
use crate::cargo::{execute, target};

/// What the Debian package has beside the program. Versions of cargo-deb differ in the folder of units.
const OF_DEBIAN: [&[&str]; 5] = [
    &["usr/lib/systemd/system/pilotlight.service", "lib/systemd/system/pilotlight.service"],
    &["usr/share/bash-completion/completions/pilotlight"],
    &["usr/share/fish/vendor_completions.d/pilotlight.fish"],
    &["usr/share/zsh/vendor-completions/_pilotlight"],
    &["usr/share/man/man1/pilotlight.1.gz"],
];

/// Installs the packages in `folder`.
pub(super) fn install(folder: &Path) -> anyhow::Result<()> {
    let roots = target().join("package-roots");
    if roots.exists() {
        fs::remove_dir_all(&roots).with_context(|| roots.display().to_string())?;
    }
    let root = |name: &str| -> anyhow::Result<PathBuf> {
        let root = roots.join(name);
        fs::create_dir_all(&root).with_context(|| root.display().to_string())?;
        Ok(root)
    };
    unpack_archive(&only(folder, ".tar.gz")?, &root("archive")?)?;
    unpack_debian(&only(folder, ".deb")?, &root("debian")?)?;
    install_wheel(&only(folder, ".whl")?, &root("wheel")?)?;
    fs::remove_dir_all(&roots).with_context(|| roots.display().to_string())
}

/// The only file with that end of its name.
fn only(folder: &Path, end: &str) -> anyhow::Result<PathBuf> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut found: Vec<_> = paths.filter(|path| path.to_string_lossy().ends_with(end)).collect();
    ensure!(found.len() == 1, "{} has {} files *{end}", folder.display(), found.len());
    Ok(found.remove(0))
}

fn unpack_archive(file: &Path, root: &Path) -> anyhow::Result<()> {
    execute(Command::new("tar").arg("-xzf").arg(file).arg("-C").arg(root))?;
    check(&root.join(archive_name()).join(PROGRAM))
}

/// Without the scripts of the package, which would act on this machine.
fn unpack_debian(file: &Path, root: &Path) -> anyhow::Result<()> {
    execute(Command::new("dpkg-deb").arg("-x").arg(file).arg(root))?;
    for alternatives in OF_DEBIAN {
        let is_there = alternatives.iter().any(|path| root.join(path).is_file());
        ensure!(is_there, "{} has no {}", file.display(), alternatives[0]);
    }
    check(&root.join("usr/bin").join(PROGRAM))
}

fn install_wheel(file: &Path, root: &Path) -> anyhow::Result<()> {
    execute(Command::new("python3").args(["-m", "venv"]).arg(root))?;
    let pip = ["-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check"];
    execute(Command::new(root.join("bin/python")).args(pip).arg(file))?;
    check(&root.join("bin").join(PROGRAM))
}

/// Checks that the program runs.
fn check(program: &Path) -> anyhow::Result<()> {
    let shown = program.display();
    let output = Command::new(program).arg("--version").output();
    let output = output.with_context(|| format!("cannot run {shown}"))?;
    let version = String::from_utf8_lossy(&output.stdout);
    let expected = format!("{PROGRAM} {VERSION}");
    ensure!(version.trim() == expected, "{shown} is {version:?}, not {expected:?}");
    Ok(())
}
