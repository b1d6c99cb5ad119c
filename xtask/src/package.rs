//! `cargo xtask package`: a Debian package, a wheel and an archive of the program, with checksums and a signature.

mod checks;
mod formats;
mod release;
mod staging;
mod tools;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::build;
use crate::cargo::{execute, root, target};

pub use formats::{archive, archive_name};
pub use release::Release;
pub use staging::{PROGRAM, stage};
pub use tools::{Tool, require};

/// Where `host/Cargo.toml` has the files of the Debian package, below the root.
pub const STAGED: &str = "target/package";

/// What the command was asked for.
struct Options {
    output: PathBuf,
    key: Option<PathBuf>,
}

impl Options {
    fn parse(arguments: &[String]) -> anyhow::Result<Self> {
        let mut options = Self { output: target().join("packages"), key: None };
        let mut rest = arguments.iter();
        while let Some(option) = rest.next() {
            match (&**option, rest.next()) {
                ("--output", Some(folder)) => options.output = PathBuf::from(folder),
                ("--key", Some(file)) => options.key = Some(PathBuf::from(file)),
                ("--output" | "--key", None) => bail!("{option} needs a value"),
                _ => bail!("unknown option {option}; options are --output DIR and --key FILE"),
            }
        }
        Ok(options)
    }
}

/// Builds the program and its packages, installs each into a test root, and writes the release.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let options = Options::parse(arguments)?;
    ensure!(
        std::env::var_os("PILOTLIGHT_BINARY").is_none(),
        "packages are of the program that is built here; unset PILOTLIGHT_BINARY"
    );
    require(&tools::OF_PACKAGES)?;
    if options.key.is_some() {
        require(&[tools::SSH_KEYGEN])?;
    }
    let release = Release::begin(&options.output)?;
    build::host()?;
    let staged = staged_program()?;
    archive(&staged, release.folder())?;
    formats::debian(release.folder())?;
    formats::wheel(release.folder())?;
    checks::install(release.folder())?;
    let folder = release.finish(options.key.as_deref())?;
    show(&folder, options.key.is_some())
}

/// The files of all packages, with a program without symbols.
fn staged_program() -> anyhow::Result<PathBuf> {
    let staged = root().join(STAGED);
    stage(&build::binary(), &staged)?;
    execute(Command::new("strip").arg(staged.join(PROGRAM)))?;
    Ok(staged)
}

fn show(folder: &Path, is_signed: bool) -> anyhow::Result<()> {
    let sums = folder.join(release::CHECKSUMS);
    print!("{}", std::fs::read_to_string(&sums).with_context(|| sums.display().to_string())?);
    let signed = if is_signed { "signed" } else { "not signed: there is no --key" };
    println!("{}: {signed}", folder.display());
    Ok(())
}
