//! Programs out of Debian's packages, unpacked in the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::cargo::{execute, target};

/// The programs of a package, by their names.
pub(crate) fn unpack<const N: usize>(
    package: &str,
    names: [&str; N],
) -> anyhow::Result<[PathBuf; N]> {
    let peers = target().join("peers");
    let programs = names.map(|name| peers.join(name));
    if programs.iter().all(|program| program.is_file()) {
        return Ok(programs);
    }
    let folder = peers.join("debian");
    fs::create_dir_all(&folder)?;
    let folder = folder.canonicalize()?;
    download(package, &folder)?;
    let file = files(&folder)?.pop().with_context(|| format!("apt brought no {package}"))?;
    execute(Command::new("dpkg-deb").arg("-x").arg(&file).arg(folder.join("root")))?;
    for (name, program) in names.iter().zip(&programs) {
        let beside = program.with_extension("new");
        let unpacked = folder.join("root/usr/bin").join(name);
        fs::copy(&unpacked, &beside).with_context(|| unpacked.display().to_string())?;
        fs::rename(&beside, program)?;
    }
    fs::remove_dir_all(&folder)?;
    Ok(programs)
}

/// Downloads a package; where the machine has no list of packages, with one of our own.
fn download(package: &str, folder: &Path) -> anyhow::Result<()> {
    let (lists, cache) = (folder.join("lists"), folder.join("cache"));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(arguments).current_dir(folder);
        command
    };
    if execute(&mut apt(&["--quiet", "download", package])).is_ok() {
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
    execute(&mut own(&["download", package]))
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.filter_map(Result::ok).map(|entry| entry.path());
    let files: Vec<_> = entries.filter(|path| path.extension() == Some("deb".as_ref())).collect();
    if files.len() > 1 {
        bail!("{} holds several packages; remove it", folder.display());
    }
    Ok(files)
}
