use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use crate::build::{self, Simd};
use crate::cargo::{cargo, execute, root, target};
use crate::peers;
use crate::runtime;
use crate::steps::Times;
use crate::swap::Swap;

/// Runs everything CI checks. While tests run, which wait for servers now and then, the checks
/// that no test depends on run beside them.
pub(crate) fn run() -> anyhow::Result<()> {
    let times = Times::default();
    times.run(&[
        ("format", &format),
        ("guests", &build::guests),
        ("host and its tests", &compile),
        ("default component", &build::default_model),
    ])?;
    times.run_both(
        &[("tests", &tests)],
        &[
            ("lints", &lints),
            ("documentation", &documentation),
            ("fuzz targets", &fuzz_targets),
            ("licenses", &licenses),
            ("kernels in WebAssembly", &kernels),
        ],
    )
}

fn format() -> anyhow::Result<()> {
    execute(&mut cargo(&["fmt", "--all", "--check"]))
}

fn lints() -> anyhow::Result<()> {
    let deny = ["--", "-D", "warnings"];
    execute(
        cargo(&["clippy", "--locked", "--release", "--workspace", "--all-targets"]).args(deny),
    )?;
    let guest = ["clippy", "--locked", "--profile", "guest", "--target", "wasm32-wasip2", "--lib"];
    let tests = ["-p", "test-guest-nn", "-p", "test-guest-p2", "-p", "test-guest-p3"];
    execute(cargo(&guest).args(["-p", "pilotlight-guest"]).args(tests).args(deny))?;
    for features in [&["--features", "p2"][..], &["--no-default-features", "--features", "wasi-nn"]]
    {
        execute(cargo(&guest).args(["-p", "pilotlight-guest"]).args(features).args(deny))?;
    }
    Ok(())
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
    for package in build::TEST_GUESTS.iter().chain(&["pilotlight-tests", "xtask"]) {
        command.args(["--exclude", package]);
    }
    execute(command.env("RUSTDOCFLAGS", "-D warnings"))
}

/// Licenses and sources, where cargo-deny is installed. Advisories need its database.
fn licenses() -> anyhow::Result<()> {
    if !is_installed("cargo-deny") {
        eprintln!("skipped: cargo-deny is not installed");
        return Ok(());
    }
    execute(&mut cargo(&["deny", "check", "bans", "licenses", "sources"]))
}

/// The kernels' own tests where they run: with relaxed SIMD, and without.
fn kernels() -> anyhow::Result<()> {
    let Some(wasmtime) = peers::wasmtime()? else { return Ok(()) };
    for (simd, run) in [(Simd::Relaxed, "run"), (Simd::Plain, "run -Wrelaxed-simd=n")] {
        let mut command = cargo(&["test", "--locked", "--profile", build::GUEST_PROFILE]);
        command.args(["--target", build::GUEST_TARGET, "-p", "pilotlight-kernels", "--tests"]);
        command.env("CARGO_TARGET_WASM32_WASIP2_RUNNER", format!("{} {run}", wasmtime.display()));
        execute(simd.set(&mut command))?;
    }
    Ok(())
}

/// The packages whose tests run here. Without the test guests, which are built for the sandbox.
fn workspace(command: &mut Command) -> &mut Command {
    command.args(["--locked", "--release", "--workspace"]);
    for guest in build::TEST_GUESTS {
        command.args(["--exclude", guest]);
    }
    command
}

/// The host is built with its tests: alone it has fewer features of what both use, and most of
/// Wasmtime would be built twice.
fn compile() -> anyhow::Result<()> {
    execute(workspace(&mut cargo(&["test"])).arg("--no-run"))
}

fn tests() -> anyhow::Result<()> {
    let _swap = Swap::add();
    let run = Run::new()?;
    let mut command = run.command();
    if let Some(wasmtime) = peers::wasmtime()? {
        command.env("PILOTLIGHT_WASMTIME", wasmtime);
    }
    if let Some(registry) = peers::registry::program()? {
        command.env(peers::registry::VARIABLE, registry);
    }
    if let Some(programs) = peers::prometheus::programs()? {
        command.envs(programs);
    }
    runtime::require(&mut command)?;
    execute(&mut command)
}

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
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
    fn command(&self) -> Command {
        let mut command = if is_installed("cargo-nextest") {
            cargo(&["nextest", "run", "--cargo-quiet"])
        } else {
            eprintln!("cargo-nextest is not installed; cargo test takes longer");
            cargo(&["test"])
        };
        workspace(&mut command).env("PILOTLIGHT_TEST_RUN", &self.0);
        command
    }
}

impl Drop for Run {
    /// Shows what was not tested, and removes the folder.
    fn drop(&mut self) {
        let skipped = fs::read_to_string(self.0.join("skipped")).unwrap_or_default();
        skipped
            .lines()
            .collect::<std::collections::BTreeSet<_>>()
            .iter()
            .for_each(|line| eprintln!("{line}"));
        let _ = fs::remove_dir_all(&self.0);
    }
}
