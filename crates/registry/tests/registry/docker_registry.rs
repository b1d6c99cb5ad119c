//! Against a real registry: Debian's `docker-registry`, which `cargo xtask test` puts in place.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::stub::{component, sha256};
use pilotlight_registry::{
    Annotations, Credentials, Error, Limits, Pushed, Reference, Remote, Result, Secret,
};
use pilotlight_testing::registry::Registry;

/// Tells the tests that are processes of their own what to do.
const TOLD: &str = "PILOTLIGHT_TEST_REFERENCE";

fn remote(reference: &str, credentials: Credentials) -> Remote {
    Remote::new(Reference::parse(reference).unwrap(), credentials)
}

fn push(reference: &str, component: &[u8]) -> Result<Pushed> {
    let mut remote = remote(reference, Credentials::Anonymous);
    remote.push(component, &Annotations::default(), &mut |_, _| {})
}

fn pull(reference: &str) -> Result<Vec<u8>> {
    let mut into = Vec::new();
    let mut remote = remote(reference, Credentials::Anonymous);
    remote.pull(&mut into, &Limits::default(), &mut |_, _| {})?;
    Ok(into)
}

/// A component whose transfer has a middle: with a megabyte that means nothing.
fn large() -> Vec<u8> {
    const SIZE: usize = 1 << 20;
    let mut component = component("a");
    // A custom section (0), its length in LEB128, the length of its name, and its name.
    let section = [0, 0x85, 0x80, 0xc0, 0, 4, b'd', b'a', b't', b'a'];
    component.extend(section);
    component.extend((0..SIZE).map(|at| (at % 251) as u8));
    component
}

#[test]
fn what_is_pushed_is_pulled_by_tag_and_by_digest() {
    let Some(registry) = Registry::start(false) else { return };
    let component = component("a");
    let pushed = push(&registry.reference("team/x:1"), &component).unwrap();
    assert_eq!(pull(&registry.reference("team/x:1")).unwrap(), component);
    let by_digest = registry.reference(&format!("team/x@sha256:{}", pushed.manifest));
    assert_eq!(pull(&by_digest).unwrap(), component);
    assert!(matches!(pull(&registry.reference("team/x:2")), Err(Error::NotFound { .. })));
    assert!(matches!(pull(&registry.reference("team/y:1")), Err(Error::NotFound { .. })));
}

#[test]
fn the_registry_keeps_the_layout_of_wasm_artifacts() {
    let Some(registry) = Registry::start(false) else { return };
    let component = component("a");
    let pushed = push(&registry.reference("x:1"), &component).unwrap();
    let (media_type, manifest) = registry.get("x/manifests/1");
    assert_eq!(media_type, "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(sha256(&manifest), format!("sha256:{}", pushed.manifest));
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(manifest["layers"][0]["digest"], sha256(&component));
    let (_, layer) = registry.get(&format!("x/blobs/{}", sha256(&component)));
    assert_eq!(layer, component);
    let digest = manifest["config"]["digest"].as_str().unwrap().to_owned();
    let (_, config) = registry.get(&format!("x/blobs/{digest}"));
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    assert_eq!(config["layerDigests"][0], sha256(&component));
    assert_eq!(config["component"]["exports"][0], "wasi:http/incoming-handler@0.2.4");
}

#[test]
fn pushing_the_same_component_again_changes_nothing() {
    let Some(registry) = Registry::start(false) else { return };
    let first = push(&registry.reference("x:1"), &component("a")).unwrap();
    assert_eq!(push(&registry.reference("x:1"), &component("a")).unwrap(), first);
    assert_eq!(push(&registry.reference("other/y:2"), &component("a")).unwrap(), first);
}

#[test]
fn a_registry_that_asks_who_it_is_lets_its_users_in_alone() {
    let Some(registry) = Registry::start(true) else { return };
    let alice = |password| {
        let (name, password) = ("alice".to_owned(), Secret::new(password));
        Credentials::User { name, password }
    };
    let push = |credentials| {
        let mut remote = remote(&registry.reference("x:1"), credentials);
        remote.push(&component("a"), &Annotations::default(), &mut |_, _| {})
    };
    push(alice("U*U")).unwrap();
    for refused in [Credentials::Anonymous, alice("wrong")] {
        let error = push(refused).unwrap_err();
        assert!(matches!(error, Error::Unauthorized { .. }), "{error:?}");
    }
}

#[test]
fn a_push_killed_in_the_middle_leaves_the_tag_as_it_was() {
    let Some(registry) = Registry::start(false) else { return };
    let reference = registry.reference("x:1");
    push(&reference, &component("a")).unwrap();
    kill_in_the_middle("pushes_until_killed", &[reference.as_ref()]);
    assert_eq!(pull(&reference).unwrap(), component("a"));
    push(&reference, &large()).unwrap();
    assert_eq!(pull(&reference).unwrap(), large());
}

#[test]
fn a_pull_killed_in_the_middle_is_made_good_by_the_next() {
    let Some(registry) = Registry::start(false) else { return };
    let reference = registry.reference("x:1");
    push(&reference, &large()).unwrap();
    let folder = registry.folder().join("pulled");
    std::fs::create_dir(&folder).unwrap();
    let place = folder.join("x.wasm");
    kill_in_the_middle("pulls_until_killed", &[reference.as_ref(), place.as_os_str()]);
    assert!(!place.exists());
    let mut remote = remote(&reference, Credentials::Anonymous);
    remote.pull_file(&place, &Limits::default(), &mut |_, _| {}).unwrap();
    assert_eq!(std::fs::read(&place).unwrap(), large());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
}

/// Runs a test as a process of its own, and kills it once it says that it is in the middle.
fn kill_in_the_middle(test: &str, told: &[&std::ffi::OsStr]) {
    let told = told.join(std::ffi::OsStr::new(" "));
    let mut command = Command::new(std::env::current_exe().unwrap());
    let test = format!("docker_registry::{test}");
    command.args(["--exact", &test, "--nocapture", "--ignored"]).env(TOLD, told);
    // A pipe that nobody writes to holds the process until it is killed.
    command.stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = lines.map(std::result::Result::unwrap).any(|line| line.contains("in the middle"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said, "{test} ended too early");
}

/// Stops for good once a transfer is half done.
fn stop(done: u64, total: u64) {
    if done >= total / 2 {
        println!("in the middle");
        std::io::stdout().flush().unwrap();
        // Until it is killed; at the latest when whoever waits for it has ended.
        let _ = std::io::stdin().read(&mut [0]);
        std::process::abort();
    }
}

fn told() -> Vec<String> {
    let told = std::env::var(TOLD).unwrap_or_default();
    told.split_whitespace().map(str::to_owned).collect()
}

#[test]
#[ignore = "run by the test that kills it"]
fn pushes_until_killed() {
    let Some(reference) = told().into_iter().next() else { return };
    let mut remote = remote(&reference, Credentials::Anonymous);
    let _ = remote.push(&large(), &Annotations::default(), &mut stop);
}

#[test]
#[ignore = "run by the test that kills it"]
fn pulls_until_killed() {
    let told = told();
    let [reference, place] = &told[..] else { return };
    let mut remote = remote(reference, Credentials::Anonymous);
    let _ = remote.pull_file(Path::new(place), &Limits::default(), &mut stop);
}
