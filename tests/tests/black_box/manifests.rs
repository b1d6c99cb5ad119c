//! Everything in `deploy/` and `templates/`: its command lines have the options that the program has.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pilotlight_testing::programs::{KUBERNETES_TOOLS, succeed};
use pilotlight_tests::{pilotlight, root};

/// Files with command lines of the program, but for those that Spin builds components with.
const COMMANDS: [&str; 4] = [
    "deploy/helm/pilotlight/templates/deployment.yaml",
    "deploy/kserve/clusterservingruntime.yaml",
    "deploy/kubernetes/pilotlight.yaml",
    "deploy/systemd/pilotlight.service",
];

/// All files below a folder, by their paths in the workspace.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// The command lines of `pilotlight` in a file, without the program.
fn command_lines(file: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let after = |start: &str| -> Vec<Vec<String>> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(start));
        let words = |line: &str| -> Vec<String> { line.split_whitespace().map(unquoted).collect() };
        lines.map(words).collect()
    };
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("yaml" | "yml") => argument_lists(&text),
        Some("toml") => after("command = \"pilotlight "),
        Some("service") => after("ExecStart=/usr/bin/pilotlight "),
        _ => Vec::new(),
    }
}

fn unquoted(word: &str) -> String {
    word.trim_end_matches('"').to_owned()
}

/// The lists of arguments in YAML, which can be a template of Helm's.
fn argument_lists(text: &str) -> Vec<Vec<String>> {
    let mut lists: Vec<Vec<String>> = Vec::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if line == "args:" {
            lists.push(Vec::new());
            inside = true;
        } else if let Some(argument) = line.strip_prefix("- ").filter(|_| inside) {
            lists.last_mut().unwrap().push(argument.to_owned());
        } else if !line.starts_with('#') {
            inside = false;
        }
    }
    lists
}

/// The options of a subcommand by its help, and whether each has a value.
fn options(subcommand: &str) -> BTreeMap<String, bool> {
    let output = pilotlight(&[subcommand, "--help"]).output().unwrap();
    assert!(output.status.success(), "there is no subcommand {subcommand}");
    let help = String::from_utf8(output.stdout).unwrap();
    // Descriptions are indented further.
    let heads = help.lines().filter(|line| line.starts_with(' ') && !line.starts_with("        "));
    let option = |line: &str| {
        let name = line.split_whitespace().find(|word| word.starts_with("--"))?;
        Some((name.to_owned(), line.contains('<')))
    };
    heads.filter_map(option).collect()
}

/// Why a command line is not one of the program's.
fn mistake(line: &[String], known: &BTreeMap<String, bool>) -> Option<String> {
    let mut words = line.iter().skip(1);
    while let Some(word) = words.next().map(String::as_str) {
        if !word.starts_with("--") {
            continue;
        }
        let (name, value) =
            word.split_once('=').map_or((word, None), |(name, of)| (name, Some(of)));
        match known.get(name) {
            None => return Some(format!("there is no {name}")),
            Some(true) if value.is_none() && words.next().is_none() => {
                return Some(format!("{name} needs a value"));
            }
            Some(false) if value.is_some() => return Some(format!("{name} has no value")),
            Some(_) => {}
        }
    }
    None
}

#[test]
fn every_command_line_in_deploy_and_templates_has_options_of_the_program() {
    let mut known = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let all = ["deploy", "templates"].map(|folder| files(&root().join(folder))).concat();
    for file in &all {
        for line in command_lines(file) {
            let subcommand = line.first().unwrap();
            let options = known.entry(subcommand.clone()).or_insert_with(|| options(subcommand));
            assert_eq!(mistake(&line, options), None, "{}: {line:?}", file.display());
            seen.insert(file.strip_prefix(root()).unwrap().to_owned());
        }
    }
    let is_of_spin = |file: &PathBuf| file.ends_with("spin.toml");
    let others: Vec<_> = seen.iter().filter(|file| !is_of_spin(file)).collect();
    assert_eq!(others, COMMANDS.map(Path::new).iter().collect::<Vec<_>>());
    let manifests = all.iter().filter(|file| file.ends_with("spin.toml")).count();
    assert_eq!(seen.iter().filter(|file| is_of_spin(file)).count(), manifests);
}

#[test]
fn what_is_no_command_line_of_the_program_is_found() {
    let known = options("serve");
    let mistake = |line: &str| {
        let line: Vec<String> = line.split(' ').map(str::to_owned).collect();
        mistake(&line, &known)
    };
    assert_eq!(mistake("serve m --listen=127.0.0.1:1 --listen 127.0.0.1:1 --watch"), None);
    assert!(mistake("serve --no-such-option=1").is_some());
    assert!(mistake("serve --listen").is_some());
    assert!(mistake("serve --watch=true").is_some());
}

/// Helm's lint and templates, the schemas of Kubernetes' last four minor versions, and a comparison of what the
/// chart and the kustomization create.
#[test]
fn helm_and_kubernetes_accept_the_chart_and_the_manifests() {
    let Some(python) = KUBERNETES_TOOLS.find() else { return };
    let script = root().join("tests/manifests/validate.py");
    succeed(Command::new(python).arg(script).arg(root().join("deploy")));
}
