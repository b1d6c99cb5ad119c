//! Programs that make packages.

use std::process::Command;

use anyhow::ensure;

/// A program, and what installs it.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// The name of its executable.
    pub name: &'static str,
    /// The command that installs it.
    pub installation: &'static str,
}

/// Those that every release needs.
pub(super) const OF_PACKAGES: [Tool; 5] = [
    Tool { name: "cargo-deb", installation: "cargo install --locked cargo-deb" },
    Tool { name: "maturin", installation: "pip install maturin" },
    Tool { name: "strip", installation: "apt-get install binutils" },
    Tool { name: "dpkg-shlibdeps", installation: "apt-get install dpkg-dev" },
    Tool { name: "python3", installation: "apt-get install python3-venv" },
];
/// What signs checksums.
pub(super) const SSH_KEYGEN: Tool =
    Tool { name: "ssh-keygen", installation: "apt-get install openssh-client" };

/// Refuses to go on without some programs.
///
/// # Errors
/// With all that are missing, and the commands that install them.
pub fn require(tools: &[Tool]) -> anyhow::Result<()> {
    let is_missing = |tool: &&Tool| Command::new(tool.name).arg("--version").output().is_err();
    let missing = tools.iter().filter(is_missing);
    let missing: Vec<_> = missing
        .map(|Tool { name, installation }| format!("{name}; install it with `{installation}`"))
        .collect();
    ensure!(missing.is_empty(), "programs are missing:\n{}", missing.join("\n"));
    Ok(())
}
