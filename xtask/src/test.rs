use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::aarch64;
use crate::benchmarks;
use crate::build::{self, Simd, guest_cargo, workspace};
use crate::cargo::{cargo, execute, root, target};
use crate::ci::is_ci;
use crate::clients;
use crate::licenses;
use crate::models;
use crate::peers;
use crate::runtime;
use crate::steps::Times;
use crate::swap::Swap;

/// Runs everything CI checks. While tests run, which wait for servers now and then, the checks
/// that no test depends on run beside them.
pub(crate) fn run() -> anyhow::Result<()> {
    let times = Times::default();
    times.run(&[("format", &format)])?;
    times.run_side_by_side(&[
        &[("guests", &build::guests)],
        &[("dependencies of the host", &build::host_dependencies)],
        // Both use the Python environment, which the first creates.
        &[("peers", &install_peers), ("real models", &models::fetch_for_tests)],
    ])?;
    times.run(&[("host and its tests", &compile), ("default component", &build::default_model)])?;
    times.run_side_by_side(&[
        &[("tests", &tests)],
        &[
            ("lints", &lints),
            ("documentation", &documentation),
            ("smallest sets of features", &smallest),
            ("fuzz targets", &fuzz_targets),
            ("licenses", &licenses::check),
            ("kernels in WebAssembly", &kernels),
            ("kernels for AArch64", &aarch64::test),
            ("instruction counts", &benchmarks::check_instructions),
        ],
    ])
}

/// Installs what tests compare with, so that no two steps do.
fn install_peers() -> anyhow::Result<()> {
    peers::wasmtime()?;
    peers::registry::program()?;
    peers::runc::program()?;
    peers::onnx::node_tests()?;
    peers::prometheus::programs()?;
    peers::kubernetes::python()?;
    clients::folder()?;
    runtime::library()?;
    peers::aarch64::toolchain()?;
    Ok(())
}

fn format() -> anyhow::Result<()> {
    execute(&mut cargo(&["fmt", "--all", "--check"]))
}

fn lints() -> anyhow::Result<()> {
    let deny = ["--", "-D", "warnings"];
    execute(
        cargo(&["clippy", "--locked", "--release", "--workspace", "--all-targets"]).args(deny),
    )?;
    // The same packages each time, so that what they depend on has the same features.
    let packages = ["pilotlight-guest", "test-guest-nn", "test-guest-p2", "test-guest-p3"];
    let packages = packages.map(|package| ["--package", package]).concat();
    // Each module that a feature chooses is in one of the two.
    let features = "pilotlight-guest/wasi-nn,pilotlight-guest/p2";
    for features in [&[][..], &["--no-default-features", "--features", features]] {
        let mut command = guest_cargo("clippy");
        execute(command.arg("--lib").args(&packages).args(features).args(deny))?;
    }
    Ok(())
}

/// The library without anything that it can do without, and the program with the least that it needs: what
/// stands for absent features is in no other build.
fn smallest() -> anyhow::Result<()> {
    let check = ["check", "--locked", "--release", "-p", "pilotlight", "--no-default-features"];
    execute(cargo(&check).arg("--lib"))?;
    execute(cargo(&check).args(["--features", "cli", "--bin", "pilotlight"]))
}

/// They are a workspace of their own, which has nothing of Wasmtime in it.
fn fuzz_targets() -> anyhow::Result<()> {
    let folder = root().join("fuzz");
    let lock = folder.join("Cargo.lock");
    if !lock.exists() {
        // The versions that everything else is tested with, as far as both have them.
        fs::copy(root().join("Cargo.lock"), &lock).with_context(|| lock.display().to_string())?;
    }
    let mut command =
        cargo(&["check", "--release", "--bins", "--manifest-path", "fuzz/Cargo.toml"]);
    command.arg("--target-dir").arg(target());
    // Nothing is linked: the fuzzer itself, in C++, need not be compiled.
    execute(command.env("CUSTOM_LIBFUZZER_PATH", folder.join("libfuzzer.a")))
}

fn documentation() -> anyhow::Result<()> {
    let mut command = cargo(&["doc", "--locked", "--release", "--no-deps", "--workspace"]);
    // With the example, and all packages, dependencies have the features that the lints have checked
    // them with.
    command.args(["--lib", "--example", "instantiate"]);
    execute(command.env("RUSTDOCFLAGS", "-D warnings"))
}

/// The kernels' own tests where they run: with relaxed SIMD, and without.
fn kernels() -> anyhow::Result<()> {
    let Some(wasmtime) = peers::wasmtime()? else { return Ok(()) };
    for (simd, run) in [(Simd::Relaxed, "run"), (Simd::Plain, "run -Wrelaxed-simd=n")] {
        let mut command = guest_cargo("test");
        command.args(["-p", "pilotlight-kernels", "--tests"]);
        command.env("CARGO_TARGET_WASM32_WASIP2_RUNNER", format!("{} {run}", wasmtime.display()));
        execute(simd.set(&mut command))?;
    }
    Ok(())
}

/// Builds the host with its tests. With cargo-nextest, also the list of their programs: whoever has it
/// needs no lock of Cargo's to run them.
fn compile() -> anyhow::Result<()> {
    if !has_nextest()? {
        return execute(workspace(&mut cargo(&["test"])).arg("--no-run"));
    }
    let mut list = cargo(&["nextest", "list", "--list-type", "binaries-only"]);
    workspace(&mut list).args(["--message-format", "json"]);
    let file = programs();
    execute(list.stdout(File::create(&file).with_context(|| file.display().to_string())?))
}

/// The list of the tests' programs.
fn programs() -> PathBuf {
    target().join("test-programs.json")
}

fn tests() -> anyhow::Result<()> {
    let _swap = Swap::add();
    let run = Run::new()?;
    let mut command = run.command()?;
    if let Some(wasmtime) = peers::wasmtime()? {
        command.env("PILOTLIGHT_WASMTIME", wasmtime);
    }
    if let Some(registry) = peers::registry::program()? {
        command.env(peers::registry::VARIABLE, registry);
    }
    if let Some(runc) = peers::runc::program()? {
        command.env(peers::runc::VARIABLE, runc);
    }
    if let Some(folder) = peers::onnx::node_tests()? {
        command.env(peers::onnx::VARIABLE, folder);
    }
    if let Some(programs) = peers::prometheus::programs()? {
        command.envs(programs);
    }
    if let Some(python) = peers::kubernetes::python()? {
        command.env(peers::kubernetes::VARIABLE, python);
    }
    if let Some(folder) = clients::folder()? {
        command.env(clients::VARIABLE, folder);
    }
    command.env(models::VARIABLE, models::folder());
    runtime::require(&mut command)?;
    execute(&mut command)
}

/// Whether cargo-nextest is installed; an error in CI if it is not.
fn has_nextest() -> anyhow::Result<bool> {
    let is_installed = Command::new("cargo-nextest").arg("--version").output().is_ok();
    ensure!(is_installed || !is_ci(), "cargo-nextest is not installed; CI runs the tests with it");
    Ok(is_installed)
}

/// A run of all tests, with a folder that they share.
struct Run(PathBuf);

impl Run {
    fn new() -> anyhow::Result<Self> {
        let name = format!("pilotlight-tests-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        Ok(Self(folder))
    }

    /// cargo-nextest keeps all cores busy: it runs the tests of all packages side by side.
    fn command(&self) -> anyhow::Result<Command> {
        let mut command = if has_nextest()? {
            let mut command = cargo(&["nextest", "run", "--binaries-metadata"]);
            command.arg(programs());
            command
        } else {
            eprintln!("cargo-nextest is not installed; cargo test takes longer");
            let mut command = cargo(&["test"]);
            workspace(&mut command);
            command
        };
        command.env("PILOTLIGHT_TEST_RUN", &self.0);
        Ok(command)
    }
}

impl Drop for Run {
    /// Shows what was not tested, and removes the folder.
    fn drop(&mut self) {
        let skipped = fs::read_to_string(self.0.join("skipped")).unwrap_or_default();
        skipped.lines().collect::<BTreeSet<_>>().iter().for_each(|line| eprintln!("{line}"));
        let _ = fs::remove_dir_all(&self.0);
    }
}
