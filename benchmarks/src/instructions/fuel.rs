//! WebAssembly instructions of the guest, counted as Wasmtime's fuel.

use std::process::Command;

use anyhow::{Context as _, ensure};
use xtask::build::component_file;
use xtask::cargo::target;

use super::baseline::Counts;

/// The fuel of requests to the default component, each served by a fresh instance.
pub(super) fn counts() -> anyhow::Result<Counts> {
    let program = target().join("release/examples/count_fuel");
    let output = Command::new(&program).arg(component_file()).output();
    let output = output.with_context(|| program.display().to_string())?;
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {message}", program.display());
    String::from_utf8(output.stdout)?.lines().map(count).collect()
}

/// Reads a line such as `GET /info: 123`.
fn count(line: &str) -> anyhow::Result<(String, u64)> {
    let (name, fuel) =
        line.rsplit_once(": ").with_context(|| format!("unexpected line: {line}"))?;
    let fuel = fuel.parse().with_context(|| format!("unexpected line: {line}"))?;
    Ok((format!("guest: {name}, fuel"), fuel))
}
