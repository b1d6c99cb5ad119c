use std::fs;
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;

use crate::build::{self, Simd};
use crate::cargo::{cargo, execute, root, target};
use crate::peers;
use crate::runtime;
use crate::swap::Swap;

/// Runs everything CI checks, cheapest first.
fn run_all(steps: &[(&str, &dyn Fn() -> anyhow::Result<()>)]) -> anyhow::Result<()> {
    let mut times = Vec::new();
    for (name, step) in steps {
        eprintln!("== {name}");
        let start = Instant::now();
        step()?;
        times.push((name, start.elapsed()));
    }
    for (name, time) in times {
        eprintln!("{:>7.1} s  {name}", time.as_secs_f64());
    }
    Ok(())
}

pub(crate) fn run() -> anyhow::Result<()> {
    run_all(&[
        ("format", &format),
        ("guests", &build::guests),
        ("host and its tests", &compile),
        ("default component", &build::default_model),
        ("lints", &lints),
        ("smallest set of features", &smallest),
        ("fuzz targets", &fuzz_targets),
        ("documentation", &documentation),
        ("licences", &licences),
        ("kernels in WebAssembly", &kernels),
        ("tests", &tests),
    ])
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

/// The library and the program without anything that they can do without.
fn smallest() -> anyhow::Result<()> {
    let check = ["check", "--locked", "--release", "-p", "pilotlight", "--no-default-features"];
    execute(cargo(&check).arg("--lib"))?;
    execute(cargo(&check).args(["--features", "cli", "--bins"]))
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

/// Licences and sources, where cargo-deny is installed. Advisories need its database.
fn licences() -> anyhow::Result<()> {
    let installed = Command::new("cargo-deny").arg("--version").output().is_ok();
    if !installed {
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

/// `cargo test` for everything that runs here.
fn workspace_tests() -> Command {
    let mut command = cargo(&["test", "--locked", "--release", "--workspace"]);
    for guest in build::TEST_GUESTS {
        command.args(["--exclude", guest]);
    }
    build::carry_guests(&mut command);
    command
}

/// The host is built with its tests: alone it has fewer features of what both use, and most of
/// Wasmtime would be built twice.
fn compile() -> anyhow::Result<()> {
    execute(workspace_tests().arg("--no-run"))
}

fn tests() -> anyhow::Result<()> {
    let _swap = Swap::add();
    let mut command = workspace_tests();
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
