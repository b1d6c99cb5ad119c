//! Releases of a program that stands for `pilotlight`.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pilotlight_testing::programs::{SSH_KEYGEN, succeed};
use tempfile::TempDir;
use xtask::cargo::root;
use xtask::package::{PROGRAM, Release, STAGED, Tool, archive, archive_name, require, stage};

/// The files of the archive, below its folder.
const ARCHIVED: [&str; 9] = [
    "LICENSE",
    "README.md",
    "completions/_pilotlight",
    "completions/pilotlight.bash",
    "completions/pilotlight.fish",
    "man/pilotlight-serve.1",
    "man/pilotlight.1",
    "pilotlight",
    "systemd/pilotlight.service",
];

fn program() -> PathBuf {
    root().join("xtask/tests/package/program")
}

/// A folder with staged files in `staged`.
fn staged() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let staged = folder.path().join("staged");
    stage(&program(), &staged).unwrap();
    (folder, staged)
}

/// A release of an archive in the folder `output`.
fn begun(output: &Path, staged: &Path) -> Release {
    let release = Release::begin(output).unwrap();
    archive(staged, release.folder()).unwrap();
    release
}

fn archive_of(output: &Path) -> PathBuf {
    output.join(format!("{}.tar.gz", archive_name()))
}

/// Whether `sha256sum` finds the files of a release as their checksums say.
fn is_intact(output: &Path) -> bool {
    let mut command = Command::new("sha256sum");
    command.args(["--check", "--strict", "SHA256SUMS"]).current_dir(output);
    command.output().unwrap().status.success()
}

#[test]
fn the_archive_has_program_completions_pages_license_and_unit() {
    let (folder, staged) = staged();
    archive(&staged, folder.path()).unwrap();
    let mut tar = Command::new("tar");
    let output = tar.arg("-tzf").arg(archive_of(folder.path())).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let files = listed.lines().filter(|name| !name.ends_with('/'));
    let expected = ARCHIVED.map(|name| format!("{}/{name}", archive_name()));
    assert_eq!(files.collect::<Vec<_>>(), expected);
    let script = fs::read_to_string(staged.join("completions/pilotlight.fish")).unwrap();
    assert_eq!(script, "# completions of fish\n");
}

#[test]
fn the_same_files_give_the_same_archive() {
    let (folder, staged) = staged();
    let [one, two] = ["one", "two"].map(|name| {
        let output = folder.path().join(name);
        fs::create_dir(&output).unwrap();
        stage(&program(), &staged).unwrap();
        archive(&staged, &output).unwrap();
        fs::read(archive_of(&output)).unwrap()
    });
    assert!(one == two);
}

#[test]
fn checksums_are_of_all_files_and_detect_changes() {
    let (folder, staged) = staged();
    let output = folder.path().join("release");
    let release = begun(&output, &staged);
    fs::write(release.folder().join("pilotlight.deb"), "a package").unwrap();
    assert!(!output.exists());
    assert_eq!(release.finish(None).unwrap(), output);
    let sums = fs::read_to_string(output.join("SHA256SUMS")).unwrap();
    let names: Vec<_> = sums.lines().filter_map(|line| line.split_once("  ")).collect();
    // Of the text, by another program.
    let expected = "c0cd5ccfdb563a59366e33e73001b78fdb8cca5a6c48e2f90fffcde44b81f1f6";
    assert_eq!(names.len(), 2, "{sums}");
    assert_eq!(names[1], (expected, "pilotlight.deb"));
    assert!(is_intact(&output));
    fs::write(archive_of(&output), "another archive").unwrap();
    assert!(!is_intact(&output));
}

#[test]
fn a_folder_that_exists_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes");
    fs::write(&file, "kept").unwrap();
    let error = Release::begin(folder.path()).unwrap_err().to_string();
    let told = format!("{} exists", folder.path().display());
    assert!(error.starts_with(&told) && error.contains("--output"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
}

#[test]
fn what_is_not_finished_leaves_nothing() {
    let (folder, staged) = staged();
    let output = folder.path().join("release");
    drop(begun(&output, &staged));
    let empty = Release::begin(&output).unwrap().finish(None).unwrap_err().to_string();
    assert!(empty.ends_with("has no packages"), "{empty}");
    let absent = folder.path().join("key");
    let error = begun(&output, &staged).finish(Some(&absent)).unwrap_err().to_string();
    assert!(error.contains("key: there is no such key"), "{error}");
    let left = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["staged"]);
    assert!(stage(Path::new("/nonexistent/pilotlight"), &staged).is_err());
}

#[test]
fn the_signature_of_the_checksums_is_verified_by_openssh() {
    let Some(ssh_keygen) = SSH_KEYGEN.find() else { return };
    let (folder, staged) = staged();
    let key = folder.path().join("key");
    let create = ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"];
    succeed(Command::new(&ssh_keygen).args(create).arg(&key));
    let output = begun(&folder.path().join("release"), &staged).finish(Some(&key)).unwrap();
    let public = fs::read_to_string(key.with_extension("pub")).unwrap();
    let signers = folder.path().join("signers");
    fs::write(&signers, format!("releases {public}")).unwrap();
    let verified = || {
        let mut command = Command::new(&ssh_keygen);
        command.args(["-Y", "verify", "-n", "file", "-I", "releases", "-f"]).arg(&signers);
        command.arg("-s").arg(output.join("SHA256SUMS.sig"));
        let sums = fs::File::open(output.join("SHA256SUMS")).unwrap();
        command.stdin(Stdio::from(sums)).output().unwrap().status.success()
    };
    assert!(verified());
    fs::write(output.join("SHA256SUMS"), "of something else\n").unwrap();
    assert!(!verified());
}

#[test]
fn missing_programs_are_named_with_what_installs_them() {
    let there = Tool { name: "tar", installation: "apt-get install tar" };
    let absent = Tool { name: "pilotlight-absent", installation: "cargo install absent" };
    require(&[there]).unwrap();
    let error = require(&[there, absent]).unwrap_err().to_string();
    let told = "programs are missing:\npilotlight-absent; install it with `cargo install absent`";
    assert_eq!(error, told);
}

/// The table `metadata` of `host/Cargo.toml`.
fn metadata() -> toml::Table {
    let text = fs::read_to_string(root().join("host/Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    manifest["package"]["metadata"].as_table().unwrap().clone()
}

#[test]
fn every_file_of_the_debian_package_is_staged_or_in_the_repository() {
    let (_folder, staged) = staged();
    let below = format!("../{STAGED}/");
    let metadata = metadata();
    let assets = metadata["deb"]["assets"].as_array().unwrap();
    let mut installed = Vec::new();
    for asset in assets {
        let [source, target] = [0, 1].map(|index| asset[index].as_str().unwrap());
        let path = match source.strip_prefix(&below) {
            Some(name) => staged.join(name),
            None => root().join("host").join(source),
        };
        let path = if path.ends_with("*.1") { path.with_file_name("pilotlight.1") } else { path };
        assert!(path.is_file(), "{source}");
        let is_folder = target.ends_with('/');
        let name = if is_folder { path.file_name().unwrap().to_str().unwrap() } else { "" };
        installed.push(format!("/{target}{name}"));
    }
    let scripts = metadata["deb"]["maintainer-scripts"].as_str().unwrap();
    let unit = root().join("host").join(scripts).join("pilotlight.service");
    let unit = fs::read_to_string(unit).unwrap();
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let program = start.split(' ').next().unwrap().to_owned();
    assert!(installed.contains(&program), "{program} is not in {installed:?}");
    for property in ["Type=notify", "WatchdogSec=30", "ExecReload=/bin/kill -HUP $MAINPID"] {
        assert!(unit.lines().any(|line| line == property), "{property}");
    }
}

#[test]
fn cargo_binstall_finds_the_program_in_the_archive() {
    let metadata = metadata();
    let template = metadata["binstall"]["bin-dir"].as_str().unwrap();
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let filled = |template: &str| {
        template
            .replace("{ name }", "pilotlight")
            .replace("{ version }", env!("CARGO_PKG_VERSION"))
            .replace("{ target }", &target)
            .replace("{ bin }{ binary-ext }", PROGRAM)
    };
    assert_eq!(filled(template), format!("{}/{PROGRAM}", archive_name()));
    let url = filled(metadata["binstall"]["pkg-url"].as_str().unwrap());
    assert!(url.ends_with(&format!("/{}.tar.gz", archive_name())), "{url}");
}

#[test]
fn the_wheel_is_of_the_program() {
    let folder = root().join("deploy/python");
    let text = fs::read_to_string(folder.join("pyproject.toml")).unwrap();
    let project: toml::Table = text.parse().unwrap();
    let maturin = &project["tool"]["maturin"];
    assert_eq!(maturin["bindings"].as_str(), Some("bin"));
    let manifest = folder.join(maturin["manifest-path"].as_str().unwrap());
    let expected = root().join("host/Cargo.toml").canonicalize().unwrap();
    assert_eq!(manifest.canonicalize().unwrap(), expected);
    let licenses = project["project"]["license-files"].as_array().unwrap();
    for license in licenses {
        assert!(folder.join(license.as_str().unwrap()).is_file(), "{license}");
    }
}
