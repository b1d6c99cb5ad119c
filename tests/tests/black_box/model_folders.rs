//! Model folders as others leave them.

use std::fs::{self, File};
use std::path::Path;

use pilotlight_testing::tiny_model;
use pilotlight_tests::{Server, outcome, pilotlight};
use serde_json::Value;
use tempfile::TempDir;

/// The tiny model without a manifest.
fn folder() -> TempDir {
    let folder = tiny_model::folder(&tiny_model::graph());
    fs::remove_file(folder.path().join("model.toml")).unwrap();
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_folder_without_manifest_serves_and_notices_when_its_files_are_others() {
    let folder = folder();
    for label in ["PER", "HUMAN"] {
        let config = tiny_model::config().to_string().replace("PER", label);
        fs::write(folder.path().join("config.json"), config).unwrap();
        // The second start of each takes what was found out at the first.
        for _ in 0..2 {
            let server = Server::start(&[text(folder.path())]);
            let answer = server.post("/", r#"{"inputs": "Ada met Paris"}"#);
            assert_eq!(answer.json()[0]["entity_group"], label, "{}", answer.text);
        }
    }
    assert!(!folder.path().join("model.toml").exists());
}

#[test]
fn a_graph_in_the_folder_onnx_is_computed_in_the_sandbox_and_on_the_host() {
    let folder = folder();
    let onnx = folder.path().join("onnx");
    fs::create_dir(&onnx).unwrap();
    fs::rename(folder.path().join("model.onnx"), onnx.join("model.onnx")).unwrap();
    for compute in ["guest", "host"] {
        let server = Server::start(&[text(folder.path()), "--compute", compute]);
        let answer = server.post("/", r#"{"inputs": "Ada met Paris"}"#);
        assert_eq!(answer.json()[0]["entity_group"], "PER", "{compute}: {}", answer.text);
    }
}

/// The tiny model with a second graph, `other.onnx`, that takes people for places and places for people.
fn with_two_graphs() -> TempDir {
    let folder = folder();
    let mut other = tiny_model::graph();
    let mut weights = [0.0; 32 * 3];
    (weights[3 + 2], weights[2 * 3 + 1]) = (1.0, 1.0);
    other.graph.as_mut().unwrap().initializer[1] =
        tiny_model::floats("weights", &[32, 3], &weights);
    fs::write(folder.path().join("other.onnx"), pilotlight_onnx::encode(&other)).unwrap();
    folder
}

#[test]
fn of_several_graphs_the_chosen_one_serves_and_the_log_says_why() {
    let folder = with_two_graphs();
    let log = folder.path().join("log");
    for (arguments, expected) in [
        (&[][..], "PER"),
        (&["--onnx-file", "other.onnx"], "LOC"),
        (&["--onnx-file", "./model.onnx"], "PER"),
    ] {
        let mut command = pilotlight(&["serve", text(folder.path())]);
        command.args(arguments).stderr(File::create(&log).unwrap());
        let server = Server::run(&mut command);
        let answer = server.post("/", r#"{"inputs": "Ada"}"#);
        assert_eq!(answer.json()[0]["entity_group"], expected, "{arguments:?}: {}", answer.text);
        drop(server);
        let log = fs::read_to_string(&log).unwrap();
        let why = "onnx-file model.onnx: chosen from 2 graphs: not quantized yet; --onnx-file selects \
                   another one of other.onnx";
        assert_eq!(log.contains(why), arguments.is_empty(), "{log}");
    }
    let serve = ["serve", text(folder.path()), "--onnx-file", "no.onnx"];
    let ports = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let (code, log) = outcome(pilotlight(&serve).args(ports));
    assert!(code == 1 && log.contains("no.onnx does not exist"), "{log}");
    assert!(log.contains("there are model.onnx, other.onnx"), "{log}");
}

#[test]
fn a_model_has_the_name_that_is_chosen_for_it() {
    let folder = with_two_graphs();
    let server = Server::start(&[text(folder.path()), "--model-name", "a-name"]);
    assert_eq!(server.get("/v2/models/a-name/ready").status, 200);
    assert_eq!(server.get("/v2/models/another/ready").status, 404);
}

#[test]
fn a_configuration_chooses_graph_and_task_of_a_folder() {
    let folder = with_two_graphs();
    let file = folder.path().join("pilotlight.toml");
    let write = |task: &str| {
        let source = text(folder.path());
        let configuration = format!(
            "[functions.default]\nsource = {source:?}\nonnx-file = \"other.onnx\"\n\
             [functions.vectors]\nsource = {source:?}\ntask = {task:?}\n\
             [[routes]]\nmatch = {{ path = \"/v1/feature-extraction\" }}\nto = \"vectors\"\n\
             [[routes]]\nto = \"default\"\n"
        );
        fs::write(&file, configuration).unwrap();
    };
    write("feature-extraction");
    let server = Server::start(&["--config", text(&file)]);
    let answer = server.post("/", r#"{"inputs": "Ada"}"#);
    assert_eq!(answer.json()[0]["entity_group"], "LOC", "{}", answer.text);
    // One vector for each token: of `Ada`, and of the special ones around it.
    let vectors = server.post("/v1/feature-extraction", r#"{"inputs": "Ada"}"#);
    let tokens = vectors.json()[0].as_array().map(Vec::len);
    assert_eq!(tokens, Some(3), "{}", vectors.text);
    drop(server);
    write("divination");
    let checked = pilotlight(&["check", text(&file)]).output().unwrap();
    let told = String::from_utf8(checked.stdout).unwrap();
    assert!(!checked.status.success() && told.contains("divination"), "{told}");
}

#[test]
fn init_writes_what_is_detected_and_nothing_over_it() {
    let folder = folder();
    let path = folder.path().join("model.toml");
    let init = |more: &[&str]| pilotlight(&[&["init", text(folder.path())], more].concat());
    let output = init(&[]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("does token-classification"), "{said}");
    assert!(said.contains("task token-classification: config.json has 3 labels"), "{said}");
    let written = fs::read_to_string(&path).unwrap();
    assert!(written.contains("[files.\"model.onnx\"]"), "{written}");
    let (code, log) = outcome(&mut init(&[]));
    assert!(code == 1 && log.contains("--force"), "{log}");
    fs::write(&path, "name = \"own\"\n").unwrap();
    let output = init(&["--force", "--json", "--task", "token-classification"]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["manifest"]["task"], "token-classification");
    assert!(report["findings"].as_array().is_some_and(|findings| !findings.is_empty()));
    assert_eq!(fs::read_to_string(&path).unwrap(), written);
    let refused = outcome(&mut init(&["--force", "--task", "question-answering"]));
    assert!(refused.0 == 1 && refused.1.contains("start_logits"), "{}", refused.1);
    assert_eq!(fs::read_to_string(&path).unwrap(), written);
}

#[test]
fn a_folder_gives_the_same_component_with_and_without_its_written_manifest() {
    let folder = folder();
    let output = folder.path().join("out.wasm");
    let build = ["build", text(folder.path()), "--precision", "f32", "-o", text(&output)];
    let (code, log) = outcome(&mut pilotlight(&build));
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("max-length 512: no file states"), "{log}");
    let first = fs::read(&output).unwrap();
    assert_eq!(outcome(&mut pilotlight(&["init", text(folder.path())])).0, 0);
    let (code, log) = outcome(&mut pilotlight(&build));
    assert!(code == 0 && !log.contains("max-length"), "{log}");
    assert!(fs::read(&output).unwrap() == first);
}

#[test]
fn what_is_not_clear_is_asked_for() {
    let folder = folder();
    fs::remove_file(folder.path().join("config.json")).unwrap();
    let serve = ["serve", text(folder.path()), "--admin-listen", "127.0.0.1:0"];
    let (code, log) = outcome(pilotlight(&serve).args(["--listen", "127.0.0.1:0"]));
    assert!(code == 1 && log.contains("task of the model is not clear"), "{log}");
    assert!(log.contains("logits [?, ?, 3]") && log.contains("--task"), "{log}");
    let (code, log) = outcome(&mut pilotlight(&["serve", "--task", "divination", "."]));
    assert!(code == 2 && log.contains("the tasks are token-classification, "), "{log}");
}
