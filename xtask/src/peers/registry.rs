//! Debian's `docker-registry`: a registry to push to and pull from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::cargo::{execute, target};

/// The package and its program.
const NAME: &str = "docker-registry";
/// Names the program to tests.
pub(crate) const VARIABLE: &str = "PILOTLIGHT_DOCKER_REGISTRY";

/// The program: what `PILOTLIGHT_DOCKER_REGISTRY` names, or one unpacked in the target folder from
/// Debian's package. `None`, said aloud, where there is no apt; an error in CI.
pub(crate) fn program() -> anyhow::Result<Option<PathBuf>> {
    if let Some(path) = std::env::var_os(VARIABLE) {
        return Ok(Some(PathBuf::from(path)));
    }
    match unpack() {
        Ok(path) => Ok(Some(path)),
        Err(error) if std::env::var_os("CI").is_some() => Err(error),
        Err(error) => {
            eprintln!("skipped: tests against {NAME} ({error:#})");
            Ok(None)
        }
    }
}

fn unpack() -> anyhow::Result<PathBuf> {
    let program = target().join("peers").join(NAME);
    if program.is_file() {
        return Ok(program);
    }
    let folder = target().join("peers/debian");
    fs::create_dir_all(&folder)?;
    let folder = folder.canonicalize()?;
    download(&folder)?;
    let package = packages(&folder)?.pop().with_context(|| format!("apt brought no {NAME}"))?;
    execute(Command::new("dpkg-deb").arg("-x").arg(&package).arg(folder.join("root")))?;
    let beside = program.with_extension("new");
    let unpacked = folder.join("root/usr/bin").join(NAME);
    fs::copy(&unpacked, &beside).with_context(|| unpacked.display().to_string())?;
    fs::rename(&beside, &program)?;
    fs::remove_dir_all(&folder)?;
    Ok(program)
}

/// Downloads the package; where the machine has no list of packages, with one of our own.
fn download(folder: &Path) -> anyhow::Result<()> {
    let (lists, cache) = (folder.join("lists"), folder.join("cache"));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(arguments).current_dir(folder);
        command
    };
    if execute(&mut apt(&["--quiet", "download", NAME])).is_ok() {
        return Ok(());
    }
    fs::create_dir_all(lists.join("partial"))?;
    fs::create_dir_all(cache.join("archives/partial"))?;
    let own = |verb: &[&str]| {
        let mut command = apt(&["--quiet"]);
        command.arg("-o").arg(format!("Dir::State::lists={}", lists.display()));
        command.arg("-o").arg(format!("Dir::Cache={}", cache.display()));
        command.args(verb);
        command
    };
    execute(&mut own(&["update"]))?;
    execute(&mut own(&["download", NAME]))
}

fn packages(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.filter_map(Result::ok).map(|entry| entry.path());
    let packages: Vec<_> =
        entries.filter(|path| path.extension() == Some("deb".as_ref())).collect();
    if packages.len() > 1 {
        bail!("{} holds several packages; remove it", folder.display());
    }
    Ok(packages)
}
