use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use crate::cargo::{cargo, execute, root, target};

const GUEST_TARGET: &str = "wasm32-wasip2";
const TEST_GUESTS: [&str; 2] = ["test-guest-p2", "test-guest-p3"];

/// Where a component that cargo built lies.
fn built(package: &str) -> PathBuf {
    let file = format!("{}.wasm", package.replace('-', "_"));
    target().join(GUEST_TARGET).join("guest").join(file)
}

/// The guest component.
pub(crate) fn guest_file() -> PathBuf {
    built("pilotlight-guest")
}

/// The snapshot of the default model.
pub(crate) fn component_file() -> PathBuf {
    target().join("pii-ner.wasm")
}

/// The host binary.
pub(crate) fn binary() -> PathBuf {
    target().join("release").join(format!("pilotlight{}", std::env::consts::EXE_SUFFIX))
}

/// Adds the compilation target if it is missing: rustup may be set not to.
fn ensure_target() -> anyhow::Result<()> {
    let mut list = Command::new("rustup");
    let Ok(listed) = list.args(["target", "list", "--installed"]).current_dir(root()).output()
    else {
        // Without rustup the toolchain is somebody else's business; cargo says what is missing.
        return Ok(());
    };
    if String::from_utf8_lossy(&listed.stdout).lines().any(|line| line == GUEST_TARGET) {
        return Ok(());
    }
    execute(Command::new("rustup").args(["target", "add", GUEST_TARGET]).current_dir(root()))
        .with_context(|| format!("the target {GUEST_TARGET} is missing and cannot be added"))
}

fn build_guests(packages: &[&str]) -> anyhow::Result<()> {
    ensure_target()?;
    let mut command =
        cargo(&["build", "--locked", "--lib", "--profile", "guest", "--target", GUEST_TARGET]);
    for package in packages {
        command.args(["--package", package]);
    }
    execute(&mut command)
}

/// Builds the guest and the guests of the tests.
pub(crate) fn guests() -> anyhow::Result<()> {
    build_guests(&["pilotlight-guest"])?;
    build_guests(&TEST_GUESTS)
}

/// Builds the host, with the guest inside.
pub(crate) fn host() -> anyhow::Result<()> {
    build_guests(&["pilotlight-guest"])?;
    let mut command = cargo(&["build", "--locked", "--release", "--package", "pilotlight"]);
    execute(command.env("PILOTLIGHT_GUEST", guest_file()))
}

/// Builds the default model's component: what `spin.toml` serves.
pub(crate) fn component() -> anyhow::Result<()> {
    host()?;
    let model = root().join("models/pii-ner");
    execute(Command::new(binary()).arg("build").arg(model).arg("-o").arg(component_file()))
}

/// Serves the default model.
pub(crate) fn serve(arguments: &[String]) -> anyhow::Result<()> {
    host()?;
    let mut command = Command::new(binary());
    command.arg("serve").args(arguments).current_dir(root());
    replace(command)
}

/// Becomes `command`, so that signals reach it and nothing else is left running.
#[cfg(unix)]
fn replace(mut command: Command) -> anyhow::Result<()> {
    use std::os::unix::process::CommandExt as _;
    Err(command.exec()).with_context(|| format!("cannot run {command:?}"))
}

#[cfg(not(unix))]
fn replace(mut command: Command) -> anyhow::Result<()> {
    execute(&mut command)
}
