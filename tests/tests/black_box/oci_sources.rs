//! Functions that are loaded from an OCI registry: `serve`, `swap` and configurations with `oci://`.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use pilotlight_model::Digest;
use pilotlight_testing::registry::Registry;
use pilotlight_testing::tiny_model;
use pilotlight_tests::{Server, component, outcome, test_guest};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::registries::anonymous;

const PATIENCE: Duration = Duration::from_secs(60);

/// A registry, and a folder with a cache that nothing else uses.
struct Setup {
    registry: Registry,
    folder: TempDir,
}

impl Setup {
    /// `None` where there is no registry to start.
    fn new() -> Option<Self> {
        let (registry, folder) = (Registry::start(false)?, tempfile::tempdir().unwrap());
        fs::DirBuilder::new().mode(0o700).create(folder.path().join("cache")).unwrap();
        Some(Self { registry, folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = anonymous(arguments);
        command.env("PILOTLIGHT_CACHE_DIR", self.path("cache"));
        command
    }

    fn serve(&self, arguments: &[&str]) -> Server {
        Server::run(self.command(&["serve"]).args(arguments))
    }

    /// What a server that does not start prints.
    fn refusal(&self, arguments: &[&str]) -> String {
        let mut command = self.command(&["serve"]);
        let ports = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let (code, log) = outcome(command.args(arguments).args(ports));
        assert_eq!(code, 1, "{log}");
        log
    }

    fn swap(&self, server: &Server, source: &str) -> (i32, String) {
        outcome(&mut self.command(&["swap", source, "--admin", &server.socket]))
    }

    /// Pushes a file and returns its reference with the digest of its manifest.
    fn push(&self, file: &Path, name: &str) -> String {
        let reference = self.registry.reference(name);
        let push = ["push", file.to_str().unwrap(), &reference, "--json"];
        let output = anonymous(&push).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        format!("{reference}@sha256:{}", said["manifest"].as_str().unwrap())
    }

    /// The guest of the tests as another version: what it answers is the same, its digest is not.
    fn version(&self, name: &str) -> PathBuf {
        let mut bytes = fs::read(test_guest("p3")).unwrap();
        bytes.extend_from_slice(&[0, 1 + name.len() as u8, name.len() as u8]);
        bytes.extend_from_slice(name.as_bytes());
        let path = self.path(&format!("{name}.wasm"));
        fs::write(&path, bytes).unwrap();
        path
    }

    /// The file in which the registry keeps a blob.
    fn blob(&self, content: &Path) -> PathBuf {
        let digest = Digest::of(&fs::read(content).unwrap()).to_string();
        let blobs = self.registry.folder().join("storage/docker/registry/v2/blobs/sha256");
        blobs.join(&digest[..2]).join(digest).join("data")
    }
}

fn current(server: &Server) -> Value {
    server.status("/functions/default").json()["current"].clone()
}

fn digest(file: &Path) -> Value {
    json!(Digest::of(&fs::read(file).unwrap()))
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until the server answers with the component in `file`.
fn wait_for(server: &Server, file: &Path) {
    let digest = digest(file);
    wait_until("the tag never took over", || current(server)["sha256"] == digest);
}

/// Number of swaps with this outcome.
fn swaps(server: &Server, outcome: &str) -> u64 {
    let metrics = server.status("/metrics").text;
    let label = format!("outcome=\"{outcome}\"");
    let of_outcome =
        |line: &&str| line.starts_with("pilotlight_swaps_total") && line.contains(&label);
    let line = metrics.lines().find(of_outcome).unwrap_or("0");
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_component_is_served_by_tag_and_by_digest() {
    let Some(setup) = Setup::new() else { return };
    let file = setup.version("one");
    let pinned = setup.push(&file, "team/counter:1");
    for source in [setup.registry.reference("team/counter:1"), pinned.clone()] {
        let server = setup.serve(&[&source]);
        assert_eq!(server.get("/count").text, "1");
        let current = current(&server);
        assert_eq!(current["sha256"], digest(&file));
        assert_eq!(current["source"], pinned[..]);
    }
    let warm = setup.command(&["cache", "warm", &pinned]).output().unwrap();
    assert!(String::from_utf8_lossy(&warm.stdout).contains(digest(&file).as_str().unwrap()));
}

#[test]
fn what_the_cache_contains_is_served_without_the_registry() {
    let Some(setup) = Setup::new() else { return };
    let file = setup.version("offline");
    let pinned = setup.push(&file, "counter:1");
    let tag = setup.registry.reference("counter:1");
    let other = setup.push(&setup.version("other"), "other:1");
    drop(setup.serve(&[&tag]));
    let Setup { registry, folder } = setup;
    drop(registry);
    let command = |source: &str| {
        let mut command = anonymous(&["serve", source]);
        command.env("PILOTLIGHT_CACHE_DIR", folder.path().join("cache"));
        command
    };
    for source in [&pinned, &tag] {
        let server = Server::run(&mut command(source));
        assert_eq!(current(&server)["source"], pinned[..]);
    }
    let ports = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let (code, log) = outcome(command(&other).args(ports));
    assert!(code == 1 && log.contains("check that it runs"), "{log}");
}

#[test]
fn what_is_not_what_it_should_be_is_not_served() {
    let Some(setup) = Setup::new() else { return };
    let file = setup.version("whole");
    let pinned = setup.push(&file, "counter:1");
    let absent = format!("{}@sha256:{}", setup.registry.reference("counter"), "0".repeat(64));
    for source in [&setup.registry.reference("counter:2"), &absent] {
        let log = setup.refusal(&[source]);
        assert!(log.contains("does not exist") && log.contains(source.as_str()), "{log}");
    }
    assert!(setup.refusal(&["oci://UPPER/x y"]).contains("write oci://HOST"));
    let mut bytes = fs::read(&file).unwrap();
    bytes[5000] ^= 1;
    fs::write(setup.blob(&file), bytes).unwrap();
    let log = setup.refusal(&[&pinned]);
    assert!(log.contains("it is discarded"), "{log}");
    let kept = fs::read_dir(setup.path("cache")).unwrap().map(|entry| entry.unwrap().file_name());
    let kept: Vec<_> = kept.filter(|name| name.to_string_lossy().ends_with(".wasm")).collect();
    assert!(kept.is_empty(), "{kept:?}");
}

#[test]
fn a_running_server_is_swapped_to_a_component_in_a_registry() {
    let Some(setup) = Setup::new() else { return };
    let [one, two] = ["one", "two"].map(|name| setup.version(name));
    let pinned = setup.push(&two, "counter:2");
    let server = setup.serve(&[one.to_str().unwrap()]);
    let (code, log) = setup.swap(&server, &pinned);
    assert_eq!(code, 0, "{log}");
    assert_eq!(current(&server)["sha256"], digest(&two));
    assert_eq!(current(&server)["source"], pinned[..]);
    let (code, log) = setup.swap(&server, &setup.registry.reference("counter:3"));
    assert!(code != 0 && log.contains("does not exist"), "{log}");
    assert_eq!(current(&server)["sha256"], digest(&two));
    let upload = ["swap", "--upload", &pinned, "--admin", &server.socket];
    let (code, log) = outcome(&mut setup.command(&upload));
    assert!(code != 0 && log.contains("--upload applies to files"), "{log}");
}

#[test]
fn the_signature_policy_holds_for_components_in_a_registry() {
    let Some(setup) = Setup::new() else { return };
    let signed = setup.path("signed.wasm");
    fs::copy(component(), &signed).unwrap();
    let unsigned = setup.push(&signed, "pii-ner:unsigned");
    let [key, public] = ["key", "key.pub"].map(|name| setup.path(name));
    let (key, public) = (key.to_str().unwrap(), public.to_str().unwrap());
    assert_eq!(outcome(&mut setup.command(&["keygen", key])).0, 0);
    let sign = ["sign", signed.to_str().unwrap(), "--key", key];
    assert_eq!(outcome(&mut setup.command(&sign)).0, 0);
    let pinned = setup.push(&signed, "pii-ner:signed");
    let require = ["--require", "signature", "--key", public];
    let log = setup.refusal(&[&[&unsigned[..]], &require[..]].concat());
    assert!(log.contains(&unsigned), "{log}");
    let server = setup.serve(&[&[&pinned[..]], &require[..]].concat());
    assert_eq!(server.get("/info").status, 200);
    let (code, log) = setup.swap(&server, &unsigned);
    assert!(code != 0 && log.contains(&unsigned), "{log}");
    assert_eq!(current(&server)["source"], pinned[..]);
}

#[test]
fn a_tag_is_followed_and_what_cannot_be_served_is_not() {
    let Some(setup) = Setup::new() else { return };
    let [one, two, four] = ["one", "two", "four"].map(|name| setup.version(name));
    setup.push(&one, "counter:main");
    let tag = setup.registry.reference("counter:main");
    let server = setup.serve(&[&tag, "--poll-interval", "1"]);
    let pinned = setup.push(&two, "counter:main");
    wait_for(&server, &two);
    assert_eq!(current(&server)["source"], pinned[..]);
    wait_until("it is not counted", || swaps(&server, "taken_over") == 1);
    assert_eq!(swaps(&server, "refused"), 0);
    // A component that serves nothing.
    let broken = setup.path("broken.wasm");
    fs::write(&broken, b"\0asm\x0d\0\x01\0").unwrap();
    setup.push(&broken, "counter:main");
    wait_until("it was never tried", || swaps(&server, "refused") > 0);
    assert_eq!(current(&server)["sha256"], digest(&two));
    assert_eq!(server.get("/count").status, 200);
    setup.push(&four, "counter:main");
    wait_for(&server, &four);
}

#[test]
fn a_rollback_lasts_until_the_tag_moves_again() {
    let Some(setup) = Setup::new() else { return };
    let [one, two, three] = ["one", "two", "three"].map(|name| setup.version(name));
    setup.push(&one, "counter:main");
    let tag = setup.registry.reference("counter:main");
    let server = setup.serve(&[&tag, "--poll-interval", "1"]);
    setup.push(&two, "counter:main");
    wait_for(&server, &two);
    let rollback = ["rollback", "--admin", &server.socket];
    assert_eq!(outcome(&mut setup.command(&rollback)).0, 0);
    assert_eq!(current(&server)["sha256"], digest(&one));
    setup.push(&three, "counter:main");
    wait_for(&server, &three);
    // The version before is the one that the rollback returned to: nothing was deployed in between.
    let previous = &server.status("/functions/default").json()["previous"]["sha256"];
    assert_eq!(*previous, digest(&one));
}

#[test]
fn a_configuration_names_components_in_a_registry() {
    let Some(setup) = Setup::new() else { return };
    let [one, two] = ["one", "two"].map(|name| setup.version(name));
    let pinned = setup.push(&one, "counter:1");
    setup.push(&one, "counter:main");
    let tag = setup.registry.reference("counter:main");
    let config = setup.path("pilotlight.toml");
    let text = format!(
        "[functions.default]\nsource = \"{tag}\"\npoll-interval = \"1s\"\n\
         [functions.pinned]\nsource = \"{pinned}\"\n"
    );
    fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    let (code, log) = outcome(&mut setup.command(&["check", config]));
    assert_eq!((code, log), (0, String::new()));
    let server = setup.serve(&["--config", config]);
    setup.push(&two, "counter:main");
    wait_for(&server, &two);
    let functions = server.status("/functions").json();
    assert_eq!(functions["pinned"]["current"]["source"], pinned[..]);
}

#[test]
fn only_a_tag_can_be_followed() {
    let pinned = format!("oci://127.0.0.1:1/x:1@sha256:{}", "0".repeat(64));
    let guest = test_guest("p3");
    for source in [guest.to_str().unwrap(), &pinned] {
        let serve = ["serve", source, "--poll-interval", "1", "--listen", "127.0.0.1:0"];
        let (code, log) = outcome(&mut anonymous(&serve));
        assert!(code == 1 && log.contains("--poll-interval needs a reference"), "{log}");
    }
}

#[test]
fn a_component_that_computes_on_the_host_travels_with_its_graph() {
    let Some(setup) = Setup::new() else { return };
    let model = tiny_model::folder(&tiny_model::graph());
    let file = setup.path("tiny.wasm");
    let [model, output] = [model.path(), file.as_path()].map(|path| path.to_str().unwrap());
    let host = ["--compute", "host", "--backend", "tract", "--precision", "f32"];
    let build = [&["build", model, "-o", output], &host[..]].concat();
    let (code, log) = outcome(&mut setup.command(&build));
    assert_eq!(code, 0, "{log}");
    let pinned = setup.push(&file, "tiny:1");
    let server = setup.serve(&[&pinned, "--backend", "tract"]);
    let answer = server.post("/", r#"{"inputs": "Ada met Paris"}"#);
    assert_eq!(answer.json()[0]["entity_group"], "PER", "{}", answer.text);
    let pulled = setup.path("pulled.wasm");
    let pull = ["pull", &pinned, "-o", pulled.to_str().unwrap()];
    assert_eq!(outcome(&mut setup.command(&pull)), (0, String::new()));
    for extension in ["wasm", "onnx"] {
        let [sent, came] = [&file, &pulled].map(|path| path.with_extension(extension));
        assert!(fs::read(sent).unwrap() == fs::read(came).unwrap(), "{extension}");
    }
    // Without its graph, or with another, it is not pushed.
    let push = ["push", output, &setup.registry.reference("tiny:2")];
    fs::write(file.with_extension("onnx"), "another").unwrap();
    let (code, log) = outcome(&mut setup.command(&push));
    assert!(code != 0 && log.contains("has another SHA-256"), "{log}");
    fs::remove_file(file.with_extension("onnx")).unwrap();
    let (code, log) = outcome(&mut setup.command(&push));
    assert!(code != 0 && log.contains("tiny.onnx: the graph of"), "{log}");
}
