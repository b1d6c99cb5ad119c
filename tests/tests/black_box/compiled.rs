//! `pilotlight compile`, and `pilotlight-run`, which serves what is compiled and compiles nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use pilotlight_bundle::Bundle;
use pilotlight_model::Digest;
use pilotlight_tests::{Server, outcome, pilotlight, pilotlight_run, test_guest};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Compiled components, and a cache folder that contains nothing of theirs.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A version of the guest of the tests.
    fn component(&self, name: &str) -> PathBuf {
        let mut bytes = fs::read(test_guest("p3")).unwrap();
        bytes.extend_from_slice(&[0, 1 + name.len() as u8, name.len() as u8]);
        bytes.extend_from_slice(name.as_bytes());
        let path = self.path(&format!("{name}.wasm"));
        fs::write(&path, bytes).unwrap();
        path
    }

    /// The same, compiled.
    fn compiled(&self, name: &str) -> PathBuf {
        let component = self.component(name);
        let (code, log) = outcome(&mut pilotlight(&["compile", text(&component)]));
        assert_eq!(code, 0, "{log}");
        component.with_extension("cwasm")
    }

    fn serve(&self, program: fn(&[&str]) -> std::process::Command, arguments: &[&str]) -> Server {
        let mut command = program(&["serve"]);
        Server::run(command.args(arguments).env("PILOTLIGHT_CACHE_DIR", self.path("cache")))
    }

    /// What `pilotlight-run` says to what it does not serve: one sentence.
    fn refusal(&self, arguments: &[&str]) -> String {
        let mut command = pilotlight_run(&["serve", "--log", "off"]);
        command.args(arguments).args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        let (code, log) = outcome(command.env("PILOTLIGHT_CACHE_DIR", self.path("cache")));
        assert_eq!(code, 1, "{log}");
        let errors: Vec<&str> = log.lines().filter(|line| line.starts_with("error: ")).collect();
        let [error] = errors[..] else { panic!("not one error: {log}") };
        error.to_owned()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn digest(file: &Path) -> String {
    Digest::of(&fs::read(file).unwrap()).to_string()
}

/// The version that answers, by the beginning of its digest.
fn version(server: &Server) -> String {
    let answer = server.get("/count");
    assert_eq!((answer.status, answer.text.as_str()), (200, "1"));
    answer.header("x-pilotlight-version").split_once('@').unwrap().1.to_owned()
}

/// A compiled component whose seal says something else of it.
fn resealed(file: &Path, change: impl FnOnce(&mut Value)) {
    let content = fs::read(file).unwrap();
    let bundle = Bundle::read(&content).unwrap().unwrap();
    let mut manifest: Value = serde_json::from_slice(bundle.manifest()).unwrap();
    change(&mut manifest["compiled"]);
    let mut other = bundle.component().to_vec();
    pilotlight_bundle::seal(&mut other, manifest.to_string().as_bytes()).unwrap();
    fs::write(file, other).unwrap();
}

#[test]
fn a_compiled_component_is_served_by_both_programs() {
    let folder = Folder::new();
    let compiled = folder.compiled("guest");
    let component = digest(&folder.path("guest.wasm"));
    for program in [pilotlight_run, pilotlight] {
        // The second time from the cache.
        for _ in 0..2 {
            let server = folder.serve(program, &[text(&compiled)]);
            assert_eq!(version(&server), component[..12]);
            assert_eq!(version(&server), component[..12]);
        }
    }
}

#[test]
fn a_compiled_component_says_what_it_needs() {
    let folder = Folder::new();
    let component = folder.component("guest");
    let output = folder.path("portable.cwasm");
    let target = if cfg!(target_arch = "x86_64") { "x86-64-v2" } else { "armv8.1-a" };
    let options = ["--target", target, "-o", text(&output), "--json"];
    let mut command = pilotlight(&["compile", text(&component)]);
    let report = command.args(options).output().unwrap();
    assert!(report.status.success(), "{}", String::from_utf8_lossy(&report.stderr));
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    let inspected = pilotlight_run(&["inspect", "--json", text(&output)]).output().unwrap();
    let inspected: Value = serde_json::from_slice(&inspected.stdout).unwrap();
    assert_eq!(inspected["compiled"], report["compiled"]);
    assert_eq!(report["compiled"]["component"], json!(digest(&component)));
    assert_eq!(report["compiled"]["architecture"], json!(std::env::consts::ARCH));
    let features = report["compiled"]["features"].as_array().unwrap();
    let expected = if cfg!(target_arch = "x86_64") { "sse4.2" } else { "lse" };
    assert!(features.contains(&json!(expected)), "{report}");
    assert!(!features.contains(&json!("avx2")), "{report}");
    let (code, log) =
        outcome(&mut pilotlight(&["compile", text(&component), "--target", "pentium"]));
    assert!(code != 0 && log.contains("must be one of native"), "{log}");
}

#[test]
fn what_was_warmed_is_served_without_a_compiler() {
    let folder = Folder::new();
    let component = folder.component("guest");
    let mut warm = pilotlight(&["cache", "warm", text(&component)]);
    let (code, log) = outcome(warm.env("PILOTLIGHT_CACHE_DIR", folder.path("cache")));
    assert_eq!(code, 0, "{log}");
    let server = folder.serve(pilotlight_run, &[text(&component)]);
    assert_eq!(version(&server), digest(&component)[..12]);
}

#[test]
fn what_is_not_compiled_is_refused_and_the_error_says_what_to_run() {
    let folder = Folder::new();
    let error = folder.refusal(&[text(&folder.component("guest"))]);
    for command in ["pilotlight compile", "pilotlight cache warm"] {
        assert!(error.contains(command), "{error}");
    }
    let error = folder.refusal(&[text(folder.0.path())]);
    assert!(error.contains("pilotlight build"), "{error}");
    let error = folder.refusal(&["hf:nobody/no-model"]);
    assert!(error.contains("pilotlight build"), "{error}");
}

#[test]
fn a_compiled_component_for_another_machine_is_refused() {
    let folder = Folder::new();
    let compiled = folder.compiled("guest");
    let whole = fs::read(&compiled).unwrap();
    let refusal = |change: fn(&mut Value)| {
        fs::write(&compiled, &whole).unwrap();
        resealed(&compiled, change);
        folder.refusal(&[text(&compiled)])
    };
    let add_feature = |compiled: &mut Value| {
        compiled["features"].as_array_mut().unwrap().push("avx1024".into());
    };
    let error = refusal(add_feature);
    assert!(error.contains("needs a processor with avx1024"), "{error}");
    let error = refusal(|compiled| compiled["architecture"] = "pdp11".into());
    assert!(error.contains("was compiled for pdp11"), "{error}");
    let error = refusal(|compiled| compiled["wasmtime"] = "1.0.0".into());
    assert!(error.contains("with Wasmtime 1.0.0"), "{error}");
}

#[test]
fn a_damaged_compiled_component_is_refused() {
    let folder = Folder::new();
    let compiled = folder.compiled("guest");
    let whole = fs::read(&compiled).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let (cut, component) = (whole[..whole.len() / 2].to_vec(), fs::read(test_guest("p3")).unwrap());
    for damaged in [cut, flipped, component, b"machine code".to_vec(), Vec::new()] {
        fs::write(&compiled, damaged).unwrap();
        let error = folder.refusal(&[text(&compiled)]);
        assert!(error.contains("guest.cwasm"), "{error}");
    }
    // Nothing of them is left where the whole file is served.
    fs::write(&compiled, whole).unwrap();
    version(&folder.serve(pilotlight_run, &[text(&compiled)]));
}

#[test]
fn damaged_machine_code_in_the_cache_is_unpacked_again() {
    let folder = Folder::new();
    let compiled = folder.compiled("guest");
    drop(folder.serve(pilotlight_run, &[text(&compiled)]));
    let files = fs::read_dir(folder.path("cache")).unwrap().map(|entry| entry.unwrap().path());
    let code: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|name| name == "cwasm")).collect();
    let [code] = &code[..] else { panic!("{code:?}") };
    let length = fs::metadata(code).unwrap().len() as usize;
    fs::remove_file(code).unwrap();
    fs::write(code, vec![0; length]).unwrap();
    version(&folder.serve(pilotlight_run, &[text(&compiled)]));
}

#[test]
fn a_compiled_component_that_others_may_write_to_is_refused() {
    let folder = Folder::new();
    let compiled = folder.compiled("guest");
    fs::set_permissions(&compiled, fs::Permissions::from_mode(0o666)).unwrap();
    let error = folder.refusal(&[text(&compiled)]);
    assert!(error.contains("chmod go-w"), "{error}");
    fs::set_permissions(&compiled, fs::Permissions::from_mode(0o644)).unwrap();
    version(&folder.serve(pilotlight_run, &[text(&compiled)]));
}

#[test]
fn a_required_signature_is_one_of_the_compiled_component() {
    let folder = Folder::new();
    let compiled = folder.compiled("guest");
    let (key, public) = (folder.path("key"), folder.path("key.pub"));
    assert_eq!(outcome(&mut pilotlight_run(&["keygen", text(&key)])).0, 0);
    let required = [text(&compiled), "--require", "signature", "--key", text(&public)];
    let error = folder.refusal(&required);
    assert!(error.contains("not signed"), "{error}");
    let (code, log) = outcome(&mut pilotlight(&["sign", text(&compiled), "--key", text(&key)]));
    assert_eq!(code, 0, "{log}");
    let server = folder.serve(pilotlight_run, &required);
    assert_eq!(version(&server), digest(&folder.path("guest.wasm"))[..12]);
}

#[test]
fn a_compiled_component_is_swapped_in_by_its_path_and_not_uploaded() {
    let folder = Folder::new();
    let [old, new] = ["old", "new"].map(|name| folder.compiled(name));
    let server = folder.serve(pilotlight_run, &[text(&old)]);
    let swap = |arguments: &[&str]| {
        let mut command = pilotlight_run(&["swap", text(&new), "--admin", &server.socket]);
        outcome(command.args(arguments))
    };
    let (code, log) = swap(&["--upload"]);
    assert!(code != 0 && log.contains("without --upload"), "{log}");
    assert_eq!(version(&server), digest(&folder.path("old.wasm"))[..12]);
    let (code, log) = swap(&[]);
    assert_eq!(code, 0, "{log}");
    assert_eq!(version(&server), digest(&folder.path("new.wasm"))[..12]);
}
