//! Spin: the manifests for each task, the template for new applications, and applications from a registry.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use pilotlight_model::Task;
use pilotlight_testing::registry::Registry;
use pilotlight_testing::tiny_model;
use pilotlight_tests::{Server, component, outcome, pilotlight, root};
use toml::Table;

use crate::answers::server;
use crate::other_hosts::{free_address, has_spin};
use crate::registries::anonymous;

fn text(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn manifest_of(task: &str) -> String {
    text(format!("deploy/spin/{task}/spin.toml"))
}

/// Speech recognition computes on the host only, which Spin does not offer.
fn tasks() -> BTreeSet<&'static str> {
    let tasks = Task::ALL.into_iter().filter(|task| *task != Task::AutomaticSpeechRecognition);
    tasks.map(Task::name).collect()
}

/// The template with the answers that the manifest of a task gives.
fn filled_in(task: &str, description: &str) -> String {
    let template = text("templates/pilotlight/content/spin.toml");
    let answers = [
        ("{{project-name | kebab_case}}", task),
        ("{{project-description}}", description),
        ("{{task}}", task),
        ("{{model}}", "model"),
        ("{{target}}", "wasi-0.3"),
    ];
    answers.into_iter().fold(template, |text, (name, answer)| text.replace(name, answer))
}

#[test]
fn each_task_has_the_manifest_that_the_template_makes() {
    let folders = fs::read_dir(root().join("deploy/spin")).unwrap();
    let folders: BTreeSet<String> =
        folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(folders, tasks().into_iter().map(str::to_owned).collect::<BTreeSet<_>>());
    for task in tasks() {
        let manifest: Table = manifest_of(task).parse().unwrap();
        let description = manifest["application"]["description"].as_str().unwrap();
        assert!(!description.is_empty(), "{task}");
        assert_eq!(manifest_of(task), filled_in(task, description));
        assert_eq!(manifest["application"]["version"].as_str(), Some(env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn the_template_asks_for_what_its_manifest_needs() {
    let metadata: Table = text("templates/pilotlight/metadata/spin-template.toml").parse().unwrap();
    assert_eq!(metadata["manifest_version"].as_str(), Some("1"));
    assert_eq!(metadata["id"].as_str(), Some("pilotlight"));
    let content = text("templates/pilotlight/content/spin.toml");
    let asked: BTreeSet<&str> =
        metadata["parameters"].as_table().unwrap().keys().map(String::as_str).collect();
    let names = content.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap());
    let names = names.map(|name| name.split('|').next().unwrap().trim());
    // Spin asks for the name by itself.
    let used: BTreeSet<&str> = names.filter(|name| *name != "project-name").collect();
    assert_eq!(asked, used);
    assert!(!filled_in("fill-mask", "").contains("{{"));
}

#[test]
fn the_command_of_a_manifest_builds_what_it_serves() {
    let manifest: Table = manifest_of("token-classification").parse().unwrap();
    let component = &manifest["component"]["token-classification"];
    let command = component["build"]["command"].as_str().unwrap();
    let model = tiny_model::folder(&tiny_model::graph());
    let folder = tempfile::tempdir().unwrap();
    symlink(model.path(), folder.path().join("model")).unwrap();
    let words: Vec<&str> = command.strip_prefix("pilotlight ").unwrap().split(' ').collect();
    let (code, log) = outcome(pilotlight(&words).current_dir(folder.path()));
    assert_eq!(code, 0, "{log}");
    let built: PathBuf = folder.path().join(component["source"].as_str().unwrap());
    let server = Server::start(&[built.to_str().unwrap()]);
    let route = manifest["trigger"]["http"][0]["route"].as_str();
    assert_eq!((route, server.get("/info").status), (Some("/..."), 200));
}

#[test]
fn spin_serves_what_push_wrote() {
    if !has_spin() {
        return;
    }
    let Some(registry) = Registry::start(false) else { return };
    let (component, reference) = (component(), registry.reference("pii-ner:1"));
    let push = ["push", component.to_str().unwrap(), &reference];
    assert_eq!(outcome(&mut anonymous(&push)).0, 0);
    let cache = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut command = Command::new("spin");
    command.args(["up", "--from", reference.strip_prefix("oci://").unwrap(), "--insecure"]);
    command.args(["--listen", &address]).env("XDG_CACHE_HOME", cache.path());
    let spin = Server::start_peer(&mut command, &format!("http://{address}"));
    let server = server();
    let body = r#"{"text": "I am Sarah."}"#;
    assert_eq!(spin.post("/v1/redact", body).text, server.post("/v1/redact", body).text);
    assert_eq!(spin.get("/info").text, server.get("/info").text);
}
