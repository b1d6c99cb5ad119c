//! The archive, the Debian package and the wheel.

use std::path::Path;
use std::process::Command;

use crate::cargo::{GUESTS, cargo, execute, guests, root};

/// The version of the workspace.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The time of files in packages, by the convention of reproducible builds.
const SOURCE_DATE: &str = "SOURCE_DATE_EPOCH";

/// The name of the archive without its extensions, and of the folder in it, as `host/Cargo.toml` tells cargo-binstall.
pub fn archive_name() -> String {
    format!("pilotlight-{VERSION}-{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// Writes a gzipped tar file of the staged files to `folder`: the same bytes for the same files and commit.
///
/// # Errors
/// If `tar` cannot be run or fails.
pub fn archive(staged: &Path, folder: &Path) -> anyhow::Result<()> {
    let name = archive_name();
    let mut command = Command::new("tar");
    command.args(["--create", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"]);
    command.args(["--format=gnu", "--mode=u=rwX,go=rX", "--use-compress-program=gzip -9n"]);
    command.arg(format!("--mtime=@{}", time_of_commit()));
    command.arg(format!("--transform=s,^[.],{name},"));
    command.arg("--file").arg(folder.join(format!("{name}.tar.gz")));
    execute(command.arg("--directory").arg(staged).arg("."))
}

/// Writes the Debian package of the staged files to `folder`.
pub(super) fn debian(folder: &Path) -> anyhow::Result<()> {
    let arguments = ["deb", "--package", "pilotlight", "--no-build", "--no-strip", "--output"];
    execute(cargo(&arguments).arg(folder).env(SOURCE_DATE, time_of_commit()))
}

/// Builds the program once more, as maturin does, and writes the wheel to `folder`.
pub(super) fn wheel(folder: &Path) -> anyhow::Result<()> {
    let mut command = Command::new("maturin");
    command.args(["build", "--release", "--out"]).arg(folder);
    command.current_dir(root().join("deploy/python"));
    command.env(GUESTS, guests());
    execute(command.env(SOURCE_DATE, time_of_commit()))
}

/// The time of the source, in seconds since 1970: what the variable says, or when the commit was made.
fn time_of_commit() -> String {
    let set = std::env::var(SOURCE_DATE).ok();
    let asked = || {
        let log = ["log", "-1", "--format=%ct"];
        let output = Command::new("git").args(log).current_dir(root()).output().ok()?;
        String::from_utf8(output.stdout).ok()
    };
    let time = set.or_else(asked).map(|time| time.trim().to_owned());
    time.filter(|time| time.parse::<u64>().is_ok()).unwrap_or_else(|| "0".to_owned())
}
