//! Builds of guests, host and default model.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use crate::cargo::{cargo, execute, guests as guests_folder, root, target};
use crate::steps::Times;

/// The compilation target of guests.
pub const GUEST_TARGET: &str = "wasm32-wasip2";
/// The profile of guests.
pub const GUEST_PROFILE: &str = "guest";
pub(crate) const TEST_GUESTS: [&str; 3] = ["test-guest-nn", "test-guest-p2", "test-guest-p3"];

/// A guest component, as `crates/build/src/guest.rs` describes its variants, and what makes it.
struct Variant {
    file: &'static str,
    options: &'static [&'static str],
    simd: Simd,
}

/// What computes on the host is worth its size: its matrix work is not in the component.
const FOR_SPEED: [&str; 2] =
    ["profile.guest.opt-level = 3", "profile.guest.package.pilotlight-guest.opt-level = 3"];
const ON_HOST: &str = "on-host.wasm";
const VARIANTS: [Variant; 4] = [
    Variant { file: "in-guest.wasm", options: &[], simd: Simd::Relaxed },
    Variant { file: "in-guest-p2.wasm", options: &["--features", "p2"], simd: Simd::Relaxed },
    Variant { file: "in-guest-p2-simd128.wasm", options: &["--features", "p2"], simd: Simd::Plain },
    Variant {
        file: ON_HOST,
        options: &[
            "--no-default-features",
            "--features",
            "wasi-nn",
            "--config",
            FOR_SPEED[0],
            "--config",
            FOR_SPEED[1],
        ],
        simd: Simd::Relaxed,
    },
];

/// The SIMD instructions that a guest is built with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Simd {
    /// Those that every build has, by `.cargo/config.toml`.
    Relaxed,
    /// None of the relaxed ones.
    Plain,
}

impl Simd {
    /// Has cargo build with these instructions.
    pub(crate) fn set(self, command: &mut Command) -> &mut Command {
        if self == Self::Plain {
            // The one variable that takes the place of those in the file instead of joining them.
            command.env("RUSTFLAGS", "-Ctarget-feature=+simd128");
        }
        command
    }
}

impl Variant {
    /// Builds it, and copies it away from where another variant is built. An unchanged file is
    /// left alone, or the host that carries it would be built again.
    fn build(&self) -> anyhow::Result<()> {
        // As a cdylib alone: what is an rlib, too, is not optimized at link time.
        let mut command = guest_cargo("rustc");
        command.args(["--lib", "--crate-type", "cdylib", "--package", "pilotlight-guest"]);
        execute(self.simd.set(command.args(self.options)))?;
        let built = target().join(GUEST_TARGET).join(GUEST_PROFILE).join("pilotlight_guest.wasm");
        let component = fs::read(&built).with_context(|| built.display().to_string())?;
        let file = guests_folder().join(self.file);
        if fs::read(&file).is_ok_and(|former| former == component) {
            return Ok(());
        }
        fs::create_dir_all(guests_folder())?;
        fs::write(&file, component).with_context(|| file.display().to_string())
    }
}

/// One of the guests of the tests, by the end of its name.
pub fn test_guest(name: &str) -> PathBuf {
    target().join(GUEST_TARGET).join(GUEST_PROFILE).join(format!("test_guest_{name}.wasm"))
}

/// The guest that computes in the sandbox, without a model.
pub fn guest_file() -> PathBuf {
    guests_folder().join(VARIANTS[0].file)
}

/// The snapshot of the default model.
pub fn component_file() -> PathBuf {
    target().join("pii-ner.wasm")
}

/// A finished host binary, used as it is.
fn finished() -> Option<PathBuf> {
    std::env::var_os("PILOTLIGHT_BINARY").map(PathBuf::from)
}

/// The host binary: `PILOTLIGHT_BINARY`, or the one that is built here.
pub fn binary() -> PathBuf {
    if let Some(file) = finished() {
        return file;
    }
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

/// `cargo` with a command for guests.
pub(crate) fn guest_cargo(command: &str) -> Command {
    let profile = ["--profile", GUEST_PROFILE, "--target", GUEST_TARGET];
    let mut cargo = cargo(&[command, "--locked"]);
    // Gives the files of each variant names of their own, as those of dependencies have. Otherwise
    // each variant would be built again whenever another has been built.
    cargo.args(profile).env("__CARGO_DEFAULT_LIB_METADATA", "pilotlight");
    cargo
}

/// An example that depends on most of what the host depends on, but on no guest.
const HOST_DEPENDENCIES: [&str; 2] = ["--example", "instantiate"];

/// Builds most of what the host depends on.
pub(crate) fn host_dependencies() -> anyhow::Result<()> {
    execute(&mut build_native(&HOST_DEPENDENCIES))
}

/// `cargo build` of some targets, with the features that `cargo test` of the workspace has: Cargo
/// takes those of dev-dependencies into account when it builds examples. With others, Wasmtime
/// would be built once for the host and once for its tests.
pub(crate) fn build_native(targets: &[&str]) -> Command {
    let mut command = cargo(&["build"]);
    workspace(&mut command).args(targets);
    command
}

/// All packages but the guests of the tests, which are built for the sandbox only.
pub(crate) fn workspace(command: &mut Command) -> &mut Command {
    command.args(["--locked", "--release", "--workspace"]);
    for guest in TEST_GUESTS {
        command.args(["--exclude", guest]);
    }
    command
}

/// Builds all variants of the guest, and the guests of the tests.
pub fn guests() -> anyhow::Result<()> {
    ensure_target()?;
    VARIANTS.iter().try_for_each(Variant::build)?;
    let mut command = guest_cargo("build");
    command.arg("--lib").args(TEST_GUESTS.map(|package| format!("--package={package}")));
    execute(Simd::Relaxed.set(&mut command))
}

/// Builds the host, with the guests inside.
pub fn host() -> anyhow::Result<()> {
    build_host(&|_| true)
}

/// Builds the wanted guests and, beside them, what the host depends on: a package of a guest is one
/// unit of code for one core, and most wait for another. Then builds the host.
fn build_host(is_wanted: &(dyn Fn(&Variant) -> bool + Sync)) -> anyhow::Result<()> {
    if finished().is_some() {
        return Ok(());
    }
    ensure_target()?;
    let wanted = || VARIANTS.iter().filter(|variant| is_wanted(variant));
    Times::default().run_side_by_side(&[
        &[("guests", &|| wanted().try_for_each(Variant::build))],
        &[("dependencies of the host", &host_dependencies)],
    ])?;
    let targets = [&["--bin", "pilotlight"][..], &HOST_DEPENDENCIES].concat();
    execute(&mut build_native(&targets))
}

/// Builds the default model's component: what `spin.toml` serves.
pub fn component() -> anyhow::Result<()> {
    host()?;
    default_model()
}

/// The same by a host that is there.
pub(crate) fn default_model() -> anyhow::Result<()> {
    let model = root().join("models/pii-ner");
    execute(Command::new(binary()).arg("build").arg(model).arg("-o").arg(component_file()))
}

/// Builds what `pilotlight serve` needs. Without arguments it computes on the host, so that a first
/// build needs one guest; guests of earlier builds stay up to date.
fn build_to_serve(arguments: &[String]) -> anyhow::Result<()> {
    let is_built = |variant: &Variant| guests_folder().join(variant.file).exists();
    build_host(&|variant| variant.file == ON_HOST || is_built(variant) || !arguments.is_empty())
}

/// Serves the default model.
pub(crate) fn serve(arguments: &[String]) -> anyhow::Result<()> {
    build_to_serve(arguments)?;
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
