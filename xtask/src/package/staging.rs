//! The files of all packages, as the archive has them.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::cargo::{execute, root};

/// The program's file in the staged folder, the archive and the wheel.
pub const PROGRAM: &str = "pilotlight";
/// Shells, and the names that their completions have.
const COMPLETIONS: [(&str, &str); 3] =
    [("bash", "pilotlight.bash"), ("fish", "pilotlight.fish"), ("zsh", "_pilotlight")];
/// Files of the repository and their folders in the archive.
const COPIED: [(&str, &str); 3] =
    [("LICENSE", ""), ("README.md", ""), ("deploy/systemd/pilotlight.service", "systemd")];

/// Fills `folder`, whose earlier content is removed, with `program`, its completions and manual pages, the license
/// and the systemd unit.
///
/// # Errors
/// If the program fails, or a file cannot be read or written.
pub fn stage(program: &Path, folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let completions = folder.join("completions");
    fs::create_dir_all(&completions).with_context(|| completions.display().to_string())?;
    copy(program, &folder.join(PROGRAM))?;
    for (shell, name) in COMPLETIONS {
        let file = completions.join(name);
        let script = File::create(&file).with_context(|| file.display().to_string())?;
        execute(Command::new(program).args(["completions", shell]).stdout(script))?;
    }
    execute(Command::new(program).arg("man").arg(folder.join("man")))?;
    for (file, below) in COPIED {
        let source = root().join(file);
        let target = folder.join(below);
        fs::create_dir_all(&target).with_context(|| target.display().to_string())?;
        let name = source.file_name().with_context(|| source.display().to_string())?;
        copy(&source, &target.join(name))?;
    }
    Ok(())
}

fn copy(source: &Path, target: &Path) -> anyhow::Result<()> {
    let copied = fs::copy(source, target);
    copied.with_context(|| format!("{} to {}", source.display(), target.display()))?;
    Ok(())
}
