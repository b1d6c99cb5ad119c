//! The cache in bad times: full disks, kills, files of another Wasmtime, too much in it.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pilotlight::Cache;
use pilotlight_model::Digest;
use pilotlight_tests::{Server, outcome, pilotlight, test_guest};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);
/// Of files, in blocks of 512 bytes: enough for records, too little for machine code.
const LIMIT: &str = "ulimit -f 64";
/// What files being written are called.
const TEMPORARY: &str = ".pilotlight-tmp-";

/// Versions of the guest of the tests, and a cache folder.
struct Versions(TempDir);

impl Versions {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A version of the guest for WASI 0.3.
    fn file(&self, name: &str) -> PathBuf {
        self.file_of("p3", name)
    }

    fn file_of(&self, guest: &str, name: &str) -> PathBuf {
        let mut bytes = fs::read(test_guest(guest)).unwrap();
        bytes.extend_from_slice(&[0, 1 + name.len() as u8, name.len() as u8]);
        bytes.extend_from_slice(name.as_bytes());
        let path = self.0.path().join(format!("{name}.wasm"));
        fs::write(&path, bytes).unwrap();
        path
    }

    fn cache(&self) -> PathBuf {
        self.0.path().join("cache")
    }

    fn serve(&self, arguments: &[&str]) -> Server {
        let mut command = pilotlight(&["serve"]);
        Server::run(command.args(arguments).env("PILOTLIGHT_CACHE_DIR", self.cache()))
    }

    /// With a limit to the size of files.
    fn serve_limited(&self, file: &Path, limit: &str) -> Server {
        let pilotlight = pilotlight(&[]);
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{limit}; exec \"$0\" \"$@\"")]);
        command.arg(pilotlight.get_program()).arg("serve").arg(file);
        // What is logged may go to a file that is longer already.
        command.env("PILOTLIGHT_CACHE_DIR", self.cache()).stderr(Stdio::null());
        Server::run(&mut command)
    }

    /// Names in the cache folder that end with `end`.
    fn names(&self, end: &str) -> Vec<String> {
        let names = fs::read_dir(self.cache()).unwrap().map(|entry| entry.unwrap().file_name());
        let names = names.map(|name| name.into_string().unwrap());
        names.filter(|name| name.ends_with(end)).collect()
    }

    fn unfinished(&self) -> usize {
        self.names("").iter().filter(|name| name.starts_with(TEMPORARY)).count()
    }

    /// Has `file` in the cache, as machine code of another version of Wasmtime.
    fn as_of_another_wasmtime(&self, file: &Path) -> PathBuf {
        let before = self.names(".cwasm");
        drop(self.serve(&[file.to_str().unwrap()]));
        let code = self.names(".cwasm").into_iter().find(|name| !before.contains(name)).unwrap();
        let code = self.cache().join(code);
        let mut bytes = fs::read(&code).unwrap();
        let version = wasmtime_version();
        let said = [&[version.len() as u8], version.as_bytes()].concat();
        let at = bytes.windows(said.len()).position(|bytes| bytes == said).unwrap();
        bytes[at + 1] += 1;
        fs::write(&code, bytes).unwrap();
        code
    }
}

/// What machine code says of the Wasmtime that made it: the major version.
fn wasmtime_version() -> String {
    let file = pilotlight_tests::component();
    let output = pilotlight(&["inspect", "--json", file.to_str().unwrap()]).output().unwrap();
    let inspection: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let version = inspection["manifest"]["wasmtime"].as_str().unwrap();
    version.split('.').next().unwrap().to_owned()
}

fn swap(server: &Server, file: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = pilotlight(&["swap", file.to_str().unwrap(), "--admin", &server.socket]);
    outcome(command.args(arguments))
}

/// The version that answers.
fn asked(server: &Server) -> String {
    let answer = server.get("/count");
    assert_eq!((answer.status, answer.text.as_str()), (200, "1"));
    answer.header("x-pilotlight-version").split_once('@').unwrap().1.to_owned()
}

fn version(file: &Path) -> String {
    digest(file)[..12].to_owned()
}

fn digest(file: &Path) -> String {
    Digest::of(&fs::read(file).unwrap()).to_string()
}

fn until(what: &str, reached: impl Fn() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < PATIENCE, "never {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_was_warmed_is_served_without_compiling() {
    let versions = Versions::new();
    let file = versions.file("warmed");
    let warm = |arguments: &[&str]| {
        let mut command = pilotlight(&["cache", "warm"]);
        command.args(arguments).env("PILOTLIGHT_CACHE_DIR", versions.cache()).output().unwrap()
    };
    let output = warm(&[file.to_str().unwrap(), "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["functions"], serde_json::json!({"default": digest(&file)}));
    // Machine code that is compiled now could not be written.
    let server = versions.serve_limited(&file, &format!("trap '' XFSZ; {LIMIT}"));
    assert_eq!(asked(&server), version(&file));
    let missing = warm(&["missing.wasm"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("missing.wasm"));
}

#[test]
fn a_full_disk_refuses_a_version_and_leaves_nothing_half_written() {
    let versions = Versions::new();
    let [old, new] = ["old", "new"].map(|name| versions.file(name));
    drop(versions.serve(&[old.to_str().unwrap()]));
    let before = versions.names(".json");
    // With the signal ignored a write fails where the limit is, as on a full disk.
    let server = versions.serve_limited(&old, &format!("trap '' XFSZ; {LIMIT}"));
    for arguments in [&[][..], &["--upload"]] {
        let (code, log) = swap(&server, &new, arguments);
        assert!(code != 0 && log.contains("cache folder"), "{log}");
        assert_eq!(asked(&server), version(&old));
        assert_eq!((versions.names(".json"), versions.unfinished()), (before.clone(), 0));
    }
    drop(server);
    let server = versions.serve(&[old.to_str().unwrap()]);
    assert_eq!(swap(&server, &new, &[]).0, 0);
    assert_eq!(asked(&server), version(&new));
}

#[test]
fn killed_in_the_middle_of_a_write_the_next_start_is_clean() {
    let versions = Versions::new();
    let [old, new] = ["old", "new"].map(|name| versions.file(name));
    drop(versions.serve(&[old.to_str().unwrap()]));
    // The kernel ends it in the middle of a write, and nothing of it runs any more.
    let server = versions.serve_limited(&old, &format!("ulimit -c 0; {LIMIT}"));
    let (code, log) = swap(&server, &new, &[]);
    assert_ne!(code, 0, "{log}");
    assert_eq!(server.wait().signal(), Some(25), "SIGXFSZ");
    assert_eq!(versions.unfinished(), 1);
    let server = versions.serve(&[new.to_str().unwrap()]);
    assert_eq!(asked(&server), version(&new));
    until("evicted", || versions.unfinished() == 0);
    assert_eq!(asked(&versions.serve(&[old.to_str().unwrap()])), version(&old));
}

#[test]
fn machine_code_of_another_wasmtime_is_made_anew_while_the_old_version_serves() {
    let versions = Versions::new();
    let old = versions.file("old");
    let server = versions.serve(&[old.to_str().unwrap()]);
    // Of another guest: versions of one guest share their machine code.
    let new = versions.file_of("p2", "new");
    let code = versions.as_of_another_wasmtime(&new);
    let foreign = fs::read(&code).unwrap();
    assert_eq!(swap(&server, &new, &[]).0, 0);
    assert_eq!(asked(&server), version(&new));
    assert_ne!(fs::read(&code).unwrap(), foreign);
    // Where it cannot be made anew it is refused, and never run.
    fs::write(&code, foreign).unwrap();
    let server = versions.serve_limited(&old, &format!("trap '' XFSZ; {LIMIT}"));
    let (code, log) = swap(&server, &new, &[]);
    assert!(code != 0 && log.contains("cache folder"), "{log}");
    assert_eq!(asked(&server), version(&old));
}

#[test]
fn components_that_were_sent_stay_as_long_as_a_function_has_them() {
    let versions = Versions::new();
    let files = ["a", "b", "c", "d"].map(|name| versions.file(name));
    let arguments = [files[0].to_str().unwrap(), "--cache-size", "0"];
    let server = versions.serve(&arguments);
    for file in &files[1..] {
        let (code, log) = swap(&server, file, &["--upload"]);
        assert_eq!(code, 0, "{log}");
    }
    let kept = |file: &Path| versions.names(".wasm").contains(&format!("{}.wasm", digest(file)));
    let [_, first, previous, current] = &files;
    until("evicted", || !kept(first));
    assert!(kept(previous) && kept(current));
    // Another process evicts what nobody uses, newest last.
    let name = format!("{}.wasm", "0".repeat(64));
    Cache::open(Some(versions.cache())).unwrap().put(&name, b"unused").unwrap();
    let other = versions.serve(&arguments);
    until("evicted", || !versions.names(".wasm").contains(&name));
    assert!(kept(previous) && kept(current));
    for (server, file) in [(&server, current), (&other, &files[0])] {
        assert_eq!(asked(server), version(file));
    }
    assert_eq!(outcome(pilotlight(&["rollback"]).args(["--admin", &server.socket])).0, 0);
    assert_eq!(asked(&server), version(previous));
}

#[test]
fn versions_of_one_guest_share_its_machine_code() {
    let versions = Versions::new();
    let [old, new] = ["old", "new"].map(|name| versions.file(name));
    let server = versions.serve(&[old.to_str().unwrap()]);
    let code = versions.names(".cwasm");
    assert_eq!(swap(&server, &new, &[]).0, 0);
    assert_eq!((asked(&server), versions.names(".cwasm")), (version(&new), code));
    // What one damages is made anew for the other.
    let [code] = &versions.names(".cwasm")[..] else { panic!("more than one") };
    let path = versions.cache().join(code);
    let length = fs::metadata(&path).unwrap().len() as usize;
    fs::remove_file(&path).unwrap();
    fs::write(&path, vec![0; length]).unwrap();
    let third = versions.file("third");
    assert_eq!(swap(&server, &third, &[]).0, 0);
    assert_eq!(asked(&server), version(&third));
    assert_ne!(fs::read(&path).unwrap(), vec![0; length]);
}
