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

/// A guest component, as `host/src/guest.rs` describes its variants, and what makes it.
struct Variant {
    file: &'static str,
    profile: &'static str,
    features: &'static [&'static str],
    simd: Simd,
}

const VARIANTS: [Variant; 4] = [
    Variant { file: "in-guest.wasm", profile: GUEST_PROFILE, features: &[], simd: Simd::Relaxed },
    Variant {
        file: "in-guest-p2.wasm",
        profile: GUEST_PROFILE,
        features: &["--features", "p2"],
        simd: Simd::Relaxed,
    },
    Variant {
        file: "in-guest-p2-simd128.wasm",
        profile: GUEST_PROFILE,
        features: &["--features", "p2"],
        simd: Simd::Plain,
    },
    Variant {
        file: "on-host.wasm",
        profile: "guest-on-host",
        features: &["--no-default-features", "--features", "wasi-nn"],
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
    /// The folder of its builds: with other flags in the same one, all would be built again each
    /// time.
    fn folder(self) -> PathBuf {
        match self {
            Self::Relaxed => target(),
            Self::Plain => target().join("simd128"),
        }
    }

    /// Has cargo build with these instructions.
    pub(crate) fn set(self, command: &mut Command) -> &mut Command {
        if self == Self::Plain {
            // The one variable that takes the place of those in the file instead of joining them.
            command.env("RUSTFLAGS", "-Ctarget-feature=+simd128");
        }
        command.arg("--target-dir").arg(self.folder())
    }
}

impl Variant {
    /// Whether it is built in the folder of the test guests.
    fn is_default_profile(&self) -> bool {
        self.profile == GUEST_PROFILE && self.simd == Simd::Relaxed
    }

    /// Builds it, and copies it away from where another variant is built. An unchanged file is
    /// left alone, or the host that carries it would be built again.
    fn build(&self) -> anyhow::Result<()> {
        build_guests(&["pilotlight-guest"], self.profile, self.features, self.simd)?;
        let folder = self.simd.folder().join(GUEST_TARGET).join(self.profile);
        let built = folder.join("pilotlight_guest.wasm");
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

fn build_guests(
    packages: &[&str],
    profile: &str,
    features: &[&str],
    simd: Simd,
) -> anyhow::Result<()> {
    let mut command =
        cargo(&["build", "--locked", "--lib", "--profile", profile, "--target", GUEST_TARGET]);
    simd.set(command.args(features));
    for package in packages {
        command.args(["--package", package]);
    }
    execute(&mut command)
}

/// Builds all variants of the guest, and the guests of the tests.
pub fn guests() -> anyhow::Result<()> {
    variants(&|_| true)?;
    build_guests(&TEST_GUESTS, GUEST_PROFILE, &[], Simd::Relaxed)
}

/// Builds variants of the guest, two at a time: each of their packages is one unit of code for one
/// core, and most wait for another. Cargo locks the folder of a profile while it builds.
fn variants(is_wanted: &(dyn Fn(&Variant) -> bool + Sync)) -> anyhow::Result<()> {
    ensure_target()?;
    let build = |is_first: bool| {
        let of_lane = |variant: &&Variant| variant.is_default_profile() == is_first;
        VARIANTS
            .iter()
            .filter(of_lane)
            .filter(|variant| is_wanted(variant))
            .try_for_each(Variant::build)
    };
    Times::default().run_both(
        &[("guests of the default profile", &|| build(true))],
        &[("other guests", &|| build(false))],
    )
}

/// Builds the host, with the guests inside.
pub fn host() -> anyhow::Result<()> {
    if finished().is_some() {
        return Ok(());
    }
    variants(&|_| true)?;
    host_with_guests()
}

fn host_with_guests() -> anyhow::Result<()> {
    execute(&mut cargo(&["build", "--locked", "--release", "--package", "pilotlight"]))
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
