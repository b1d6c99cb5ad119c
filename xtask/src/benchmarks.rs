//! The package `benchmarks`, which has many more dependencies than this crate.

use std::path::PathBuf;
use std::process::Command;

use crate::build;
use crate::cargo::{execute, target};

const PROGRAM: &str = "pilotlight-benchmarks";
/// Programs whose instructions are counted.
const COUNTED: [&str; 4] = ["count_fuel", "count_product", "count_request", "count_tokenization"];

/// Builds and runs `pilotlight-benchmarks`.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    execute(&mut build::build_native(&["--bin", PROGRAM]))?;
    execute(Command::new(program()).args(arguments))
}

/// `cargo xtask instructions`: builds everything that is counted, and counts.
pub(crate) fn instructions(arguments: &[String]) -> anyhow::Result<()> {
    build::guests()?;
    build_counted()?;
    build::default_model()?;
    count(arguments)
}

/// Compares instruction counts with the baseline, for the default component that is already built.
pub(crate) fn check_instructions() -> anyhow::Result<()> {
    build_counted()?;
    count(&[])
}

/// Builds in the feature set of the tests: with another one Wasmtime would be built again.
fn build_counted() -> anyhow::Result<()> {
    let mut targets = vec!["--bin", "pilotlight", "--bin", PROGRAM];
    targets.extend(COUNTED.iter().flat_map(|program| ["--example", program]));
    execute(&mut build::build_native(&targets))
}

fn count(arguments: &[String]) -> anyhow::Result<()> {
    execute(Command::new(program()).arg("instructions").args(arguments))
}

fn program() -> PathBuf {
    target().join("release").join(PROGRAM)
}
