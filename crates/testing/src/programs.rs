//! Programs of others that `cargo xtask test` installs into the target folder.

use std::path::PathBuf;
use std::process::Command;

use crate::paths::target;
use crate::skipped;

/// A program, and the environment variable that names another executable of it.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    variable: &'static str,
    name: &'static str,
}

/// Debian's `prometheus`.
pub const PROMETHEUS: Program = Program { variable: "PILOTLIGHT_PROMETHEUS", name: "prometheus" };
/// Debian's `promtool`.
pub const PROMTOOL: Program = Program { variable: "PILOTLIGHT_PROMTOOL", name: "promtool" };
/// Debian's `docker-registry`.
pub const DOCKER_REGISTRY: Program =
    Program { variable: "PILOTLIGHT_DOCKER_REGISTRY", name: "docker-registry" };
/// Debian's `runc`.
pub const RUNC: Program = Program { variable: "PILOTLIGHT_RUNC", name: "runc" };

/// A Python with the packages that check charts and manifests.
pub const KUBERNETES_TOOLS: Program =
    Program { variable: "PILOTLIGHT_KUBERNETES_TOOLS", name: "kubernetes/bin/python" };

impl Program {
    /// Its executable. `None`, with a message, if it is missing.
    ///
    /// # Panics
    /// If it is missing in CI.
    pub fn find(self) -> Option<PathBuf> {
        let set = std::env::var_os(self.variable).map(PathBuf::from);
        let program = set.unwrap_or_else(|| target().join("peers").join(self.name));
        if program.is_file() {
            return Some(program);
        }
        assert!(std::env::var_os("CI").is_none(), "{} is missing", program.display());
        let program = program.display();
        skipped(format_args!("{program} is missing; `cargo xtask test` puts it there"));
        None
    }
}

/// Runs a command to its end.
///
/// # Panics
/// With its output, if it fails.
pub fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}
