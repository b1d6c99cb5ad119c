use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use pilotlight_files::{FileAccess, write_atomically};
use serde::Serialize;

use super::progress;
use crate::error::{Error, Result};
use crate::progress::Step;

#[derive(Debug, Args)]
pub(super) struct Output {
    /// Write the report as JSON to a file, or to standard output instead of the table
    #[arg(long, value_name = "FILE|-", num_args = 0..=1, default_missing_value = "-")]
    json: Option<PathBuf>,
    /// Write the report as an SVG plot to a file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Do not show the progress
    #[arg(long)]
    quiet: bool,
}

impl Output {
    /// Fails before the measurement rather than after it.
    pub(super) fn check(&self) -> Result<()> {
        for file in [&self.json, &self.svg].into_iter().flatten() {
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            if let Some(folder) = folder {
                folder.read_dir().map_err(Error::io(folder))?;
            }
        }
        Ok(())
    }

    pub(super) fn progress(&self) -> impl Fn(&Step) + use<> {
        progress::bar(self.quiet)
    }

    pub(super) fn show<R: Serialize>(
        &self,
        report: &R,
        table: &str,
        draw: impl FnOnce(&R) -> String,
    ) -> Result<()> {
        if let Some(file) = &self.svg {
            write(file, &draw(report))?;
        }
        let Some(file) = &self.json else { return print(table) };
        let json = serde_json::to_string_pretty(report)? + "\n";
        if file == Path::new("-") {
            return print(&json);
        }
        write(file, &json)?;
        print(table)
    }
}

fn write(file: &Path, text: &str) -> Result<()> {
    write_atomically(file, text.as_bytes(), FileAccess::Public).map_err(Error::io(file))
}

fn print(text: &str) -> Result<()> {
    io::stdout().write_all(text.as_bytes()).map_err(Error::system("write to standard output"))
}
