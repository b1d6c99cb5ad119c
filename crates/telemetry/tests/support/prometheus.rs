//! Debian's `prometheus` and `promtool`, which `cargo xtask test` puts in place.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The variables that name the programs, and what they are called in the target folder.
pub(crate) const SERVER: (&str, &str) = ("PILOTLIGHT_PROMETHEUS", "prometheus");
pub(crate) const TOOL: (&str, &str) = ("PILOTLIGHT_PROMTOOL", "promtool");

/// A program, where it is; where it is not `None`, said aloud, and a failure in CI.
pub(crate) fn program((variable, name): (&str, &str)) -> Option<PathBuf> {
    let program = std::env::var_os(variable).map(PathBuf::from).unwrap_or_else(|| {
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        root().join(target).join("peers").join(name)
    });
    if program.is_file() {
        return Some(program);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", program.display());
    // Not captured, unlike what `eprintln` writes.
    let said =
        format!("skipped: {} is missing; `cargo xtask test` puts it there\n", program.display());
    std::io::stderr().write_all(said.as_bytes()).unwrap();
    None
}

fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().find(|folder| folder.join("Cargo.lock").exists()).unwrap()
}

/// `deploy/`, at the root.
pub(crate) fn deploy(path: &str) -> PathBuf {
    root().join("deploy").join(path)
}

/// Runs to the end, and tells what it said if that was a failure.
pub(crate) fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}
