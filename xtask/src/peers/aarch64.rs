//! What compiles for AArch64 and emulates it, out of Debian's packages: rustup's toolchains have no AArch64 standard
//! library unless they can download it, and CI has no such processor.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::cargo::{cargo, execute, target};
use crate::ci::or_skipped;

pub(crate) const TARGET: &str = "aarch64-unknown-linux-gnu";

/// Rust of Debian's security updates, which is newer than the one of its release.
const RUST: &str = "rustc-web";
/// The standard library of AArch64 is a package of that architecture.
const LIBRARY: &str = "libstd-rust-web-dev:arm64";
const EMULATOR: &str = "qemu-user-static";
const PACKAGES: [&str; 4] = [RUST, "gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", EMULATOR];
/// Parts of the names of packages that these need and that a machine with a C compiler may lack.
const NEEDED: [&str; 5] = ["aarch64", "arm64-cross", "rust", "libllvm", EMULATOR];

/// Compilers and an emulator, which nothing else on the machine sees.
pub(crate) struct Toolchain {
    root: PathBuf,
}

/// The toolchain, unpacked in the target folder. `None`, said aloud, where there is no apt; an error in CI.
pub(crate) fn toolchain() -> anyhow::Result<Option<Toolchain>> {
    or_skipped("tests on emulated AArch64 processors", unpack().map(|root| Toolchain { root }))
}

impl Toolchain {
    /// `cargo` that compiles for AArch64, and runs what it has compiled on an emulated processor. It has a target folder of
    /// its own: another compiler would rebuild everything.
    pub(crate) fn cargo(&self, arguments: &[&str], processor: &str) -> Command {
        let bin = self.root.join("usr/bin");
        let gcc = bin.join("aarch64-linux-gnu-gcc");
        let sysroot = format!("--sysroot={}", self.root.display());
        let mut command = cargo(arguments);
        command.args(["--target", TARGET, "--target-dir"]).arg(target().join("aarch64"));
        command.env("RUSTC", bin.join("rustc")).env("LD_LIBRARY_PATH", self.libraries());
        // These variables, unlike others, are taken as they are, whatever is set besides.
        command.env("CARGO_ENCODED_RUSTFLAGS", format!("-Clink-arg={sysroot}"));
        command.env("CC_aarch64_unknown_linux_gnu", &gcc);
        command.env("CFLAGS_aarch64_unknown_linux_gnu", sysroot);
        command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", &gcc);
        command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", self.emulator());
        command.env("QEMU_LD_PREFIX", self.root.join("usr/aarch64-linux-gnu"));
        command.env("QEMU_CPU", processor);
        command
    }

    fn emulator(&self) -> PathBuf {
        self.root.join("usr/bin").join("qemu-aarch64-static")
    }

    /// The compilers' own shared libraries, before others.
    fn libraries(&self) -> OsString {
        let mut paths = self.root.join("usr/lib/x86_64-linux-gnu").into_os_string();
        if let Some(others) = std::env::var_os("LD_LIBRARY_PATH") {
            paths.push(":");
            paths.push(others);
        }
        paths
    }

    /// Refuses a compiler that is too old for this workspace.
    fn check(&self) -> anyhow::Result<()> {
        let mut command = Command::new(self.root.join("usr/bin/rustc"));
        let found = command.arg("--version").env("LD_LIBRARY_PATH", self.libraries()).output();
        let found = String::from_utf8(found.context("cannot run rustc of AArch64")?.stdout)?;
        let version = |text: &str| -> Option<[u32; 2]> {
            let mut numbers = text.split('.').map(|number| number.parse().ok());
            Some([numbers.next()??, numbers.next()??])
        };
        let needed = env!("CARGO_PKG_RUST_VERSION");
        let is_new = found.split(' ').nth(1).and_then(version) >= version(needed);
        if !is_new {
            bail!(
                "{RUST} is {}; Rust {needed} is needed: enable Debian's security updates",
                found.trim()
            );
        }
        Ok(())
    }
}

fn unpack() -> anyhow::Result<PathBuf> {
    if cfg!(not(all(target_os = "linux", target_arch = "x86_64"))) {
        bail!("it is emulated on x86-64 Linux only");
    }
    let peers = target().join("peers");
    let (root, unfinished) = (peers.join("aarch64"), peers.join("aarch64.new"));
    if root.is_dir() {
        return Ok(root.canonicalize()?);
    }
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    fs::create_dir_all(&unfinished)?;
    let unfinished = unfinished.canonicalize()?;
    let apt = Apt { folder: &unfinished };
    apt.download()?;
    let new = unfinished.join("root");
    for package in apt.packages()? {
        let is_emulator = package.to_string_lossy().contains(EMULATOR);
        let folder = if is_emulator { unfinished.join("emulators") } else { new.clone() };
        execute(Command::new("dpkg-deb").arg("-x").arg(&package).arg(folder))?;
    }
    let toolchain = Toolchain { root: new };
    // Emulators of all processors are large.
    let emulator = unfinished.join("emulators/usr/bin/qemu-aarch64-static");
    fs::rename(&emulator, toolchain.emulator()).with_context(|| emulator.display().to_string())?;
    toolchain.check()?;
    fs::rename(toolchain.root, &root)?;
    fs::remove_dir_all(&unfinished)?;
    Ok(root.canonicalize()?)
}

/// Debian's apt with lists of its own, as those of the machine may be old and know no packages of AArch64. It uses
/// the machine's sources and changes nothing on it.
struct Apt<'a> {
    folder: &'a Path,
}

impl Apt<'_> {
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(["--quiet", "-o", "APT::Architectures::=arm64"]);
        command.args(["-o", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false"]);
        for (option, folder) in [("Dir::State::lists", "lists"), ("Dir::Cache", "cache")] {
            command.arg("-o").arg(format!("{option}={}", self.folder.join(folder).display()));
        }
        command.current_dir(self.folder);
        command
    }

    fn download(&self) -> anyhow::Result<()> {
        for folder in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(self.folder.join(folder))?;
        }
        execute(self.command("apt-get").arg("update"))?;
        let names = self.names()?;
        execute(self.command("apt-get").arg("download").args(names).arg(LIBRARY))
    }

    /// The packages, and those that they need.
    fn names(&self) -> anyhow::Result<Vec<String>> {
        let mut depends = self.command("apt-cache");
        depends.args(["depends", "--recurse", "--important", "--no-conflicts", "--no-breaks"]);
        depends.args(["--no-replaces", "--no-enhances"]).args(PACKAGES);
        let listed = depends.output().context("cannot run apt-cache")?;
        let listed = String::from_utf8(listed.stdout)?;
        // What a package needs is listed below it, with spaces in front; virtual packages are in angle brackets.
        let names = listed.lines().filter(|line| !line.starts_with([' ', '<']));
        let is_needed = |name: &&str| NEEDED.iter().any(|part| name.contains(part));
        let names: Vec<_> = names.filter(is_needed).map(str::to_owned).collect();
        if !names.iter().any(|name| name == RUST) {
            bail!("apt knows no {RUST}");
        }
        Ok(names)
    }

    fn packages(&self) -> anyhow::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(self.folder)?.filter_map(Result::ok).map(|entry| entry.path());
        Ok(entries.filter(|path| path.extension() == Some("deb".as_ref())).collect())
    }
}
