//! `cargo xtask image`: OCI images of the program, alone and with the default model, in target/images.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::build;
use crate::cargo::{cargo, execute, root, target};

const PROGRAM: &str = "pilotlight-image";
/// Files of a cache that are true on this machine only.
const OF_THIS_MACHINE: &str = "digest";

/// Builds everything and writes both images.
pub(crate) fn run() -> anyhow::Result<()> {
    build::component()?;
    execute(&mut build::build_native(&["--bin", PROGRAM]))?;
    let folder = target().join("images");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let image = Image { program: stripped(&folder)?, sbom: sbom(&folder)?, folder };
    image.write("pilotlight", &[])?;
    let (component, cache) = (build::component_file(), image.warm_cache()?);
    let model = [("--component", &*component), ("--cache", &*cache)];
    image.write("pilotlight-pii-ner", &model)
}

/// What both images have.
struct Image {
    folder: PathBuf,
    program: PathBuf,
    sbom: Option<PathBuf>,
}

impl Image {
    fn write(&self, name: &str, files: &[(&str, &Path)]) -> anyhow::Result<()> {
        let mut command = Command::new(target().join("release").join(PROGRAM));
        command.arg("--program").arg(&self.program).arg("--license").arg(root().join("LICENSE"));
        command
            .arg("--output")
            .arg(self.folder.join(name))
            .args(["--name", &format!("{name}:latest")]);
        command.args(["--architecture", architecture()]);
        for (option, file) in
            files.iter().copied().chain(self.sbom.iter().map(|file| ("--sbom", &**file)))
        {
            command.arg(option).arg(file);
        }
        if let Some(commit) = commit() {
            command.args(["--revision", &commit]);
        }
        execute(&mut command)
    }

    /// A cache that has what the default model needs on this machine's kind of processor.
    fn warm_cache(&self) -> anyhow::Result<PathBuf> {
        let cache = self.folder.join("cache");
        let mut command = Command::new(build::binary());
        command.args(["cache", "warm"]).arg(build::component_file());
        execute(command.arg("--cache-dir").arg(&cache))?;
        for entry in fs::read_dir(&cache).with_context(|| cache.display().to_string())? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == OF_THIS_MACHINE) {
                fs::remove_file(&path).with_context(|| path.display().to_string())?;
            }
        }
        Ok(cache)
    }
}

/// The program without symbols.
fn stripped(folder: &Path) -> anyhow::Result<PathBuf> {
    let program = folder.join("pilotlight.stripped");
    execute(Command::new("strip").arg("-o").arg(&program).arg(build::binary()))?;
    Ok(program)
}

/// The bill of materials that `cargo cyclonedx` writes; `None`, said aloud, where it is not installed.
fn sbom(folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    if Command::new("cargo-cyclonedx").arg("--version").output().is_err() {
        eprintln!("no bill of materials in the images: cargo-cyclonedx is not installed");
        return Ok(None);
    }
    let name = "pilotlight-sbom";
    execute(
        cargo(&["cyclonedx", "--format", "json", "--override-filename", name])
            .args(["--manifest-path", "host/Cargo.toml"]),
    )?;
    // The tool writes one file beside the manifest of each package of the workspace.
    let (written, wanted) =
        (root().join("host").join(format!("{name}.json")), folder.join("sbom.json"));
    fs::rename(&written, &wanted).with_context(|| written.display().to_string())?;
    Ok(Some(wanted))
}

/// As OCI names it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    }
}

/// The commit of the source, where that is known.
fn commit() -> Option<String> {
    let output =
        Command::new("git").args(["rev-parse", "HEAD"]).current_dir(root()).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| commit.trim().to_owned())
}
