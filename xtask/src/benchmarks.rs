use crate::cargo::{cargo, execute};

/// Builds and runs `pilotlight-benchmarks`, which has many more dependencies than this crate.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let package = ["--package", "pilotlight-benchmarks"];
    let mut command = cargo(&["run", "--locked", "--release"]);
    execute(command.args(package).arg("--").args(arguments))
}
