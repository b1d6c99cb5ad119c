//! `pilotlight completions` and `pilotlight man`: shell completions and manual pages of all commands.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Command};
use clap_complete::aot::{Shell, generate};

#[derive(Args)]
pub(crate) struct CompletionsOptions {
    /// Shell that the script is for
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Args)]
pub(crate) struct ManOptions {
    /// Folder to write the pages to, one for each command; it is created if it does not exist
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Prints the completions of `program`.
pub(crate) fn completions(
    options: &CompletionsOptions,
    mut program: Command,
) -> anyhow::Result<()> {
    let name = program.get_name().to_owned();
    // Not to standard output at once: the generator panics if that is closed.
    let mut script = Vec::new();
    generate(options.shell, &mut program, name, &mut script);
    std::io::stdout().write_all(&script).context("cannot write to standard output")
}

/// Writes the manual pages of `program`.
pub(crate) fn man(options: &ManOptions, program: Command) -> anyhow::Result<()> {
    let folder = &options.folder;
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(program, folder))
        .with_context(|| format!("cannot write manual pages to {}", folder.display()))
}
