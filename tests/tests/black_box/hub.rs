//! Models from Hugging Face's Hub.

use std::path::Path;
use std::process::Command;

use pilotlight_testing::hub::{COMMIT, Hub};
use pilotlight_testing::tiny_model;
use pilotlight_tests::{Server, outcome, pilotlight};
use serde_json::Value;

fn hub() -> Hub {
    let graph = pilotlight_onnx::encode(&tiny_model::graph());
    let files = [
        ("onnx/model.onnx", graph),
        ("tokenizer.json", tiny_model::tokenizer().to_string().into_bytes()),
        ("config.json", tiny_model::config().to_string().into_bytes()),
        ("README.md", b"---\nlicense: mit\n---\n# Tiny\n".to_vec()),
        ("pytorch_model.bin", b"weights for somebody else".to_vec()),
    ];
    Hub::start("org/Tiny", files)
}

/// A command that knows no other hub than this one, and no other cache.
fn with(hub: &Hub, cache: &Path, arguments: &[&str]) -> Command {
    let mut command = pilotlight(arguments);
    command.env("HF_ENDPOINT", hub.url()).env_remove("HF_TOKEN").env_remove("HF_HUB_OFFLINE");
    command.env("PILOTLIGHT_CACHE_DIR", cache);
    command
}

#[test]
fn a_model_on_the_hub_is_fetched_and_serves_also_without_the_hub() {
    let (hub, folder) = (hub(), tempfile::tempdir().unwrap());
    let cache = folder.path().join("cache");
    let origin = format!("hf:org/Tiny@{COMMIT}");
    for (away, offline) in [(false, "0"), (true, "1"), (true, "0")] {
        hub.set_away(away);
        let mut command = with(&hub, &cache, &["serve", "hf:org/Tiny"]);
        let server = Server::run(command.env("HF_HUB_OFFLINE", offline));
        let answer = server.post("/", r#"{"inputs": "Ada met Paris"}"#);
        assert_eq!(answer.json()[0]["entity_group"], "PER", "{}", answer.text);
        let info = server.get("/info").json();
        assert_eq!((&info["model"], &info["license"]), (&"tiny".into(), &"MIT".into()));
        assert_eq!(info["origin"], origin[..]);
    }
}

#[test]
fn a_component_says_which_commit_it_is_made_of() {
    let (hub, folder) = (hub(), tempfile::tempdir().unwrap());
    let output = folder.path().join("tiny.wasm");
    let model = format!("hf:org/Tiny@{COMMIT}");
    let build = ["build", &model, "--precision", "f32", "-o", output.to_str().unwrap()];
    let (code, log) = outcome(&mut with(&hub, &folder.path().join("cache"), &build));
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("task token-classification"), "{log}");
    let inspect = ["inspect", "--json", output.to_str().unwrap()];
    let inspection = pilotlight(&inspect).output().unwrap().stdout;
    let manifest = &serde_json::from_slice::<Value>(&inspection).unwrap()["manifest"];
    assert_eq!(manifest["info"]["origin"], model[..]);
    assert!(manifest["files"]["onnx/model.onnx"].is_string(), "{manifest}");
}

#[test]
fn the_token_of_the_environment_opens_a_model_that_is_not_public() {
    let (hub, folder) = (hub(), tempfile::tempdir().unwrap());
    hub.require("s3cret");
    let output = folder.path().join("tiny.wasm");
    let build = ["build", "hf:org/Tiny", "--precision", "f32", "-o", output.to_str().unwrap()];
    let cache = folder.path().join("cache");
    let (code, log) = outcome(&mut with(&hub, &cache, &build));
    assert!(code == 1 && log.contains("set HF_TOKEN"), "{log}");
    let (code, log) = outcome(with(&hub, &cache, &build).env("HF_TOKEN", "wr0ng"));
    assert!(code == 1 && log.contains("owner of HF_TOKEN"), "{log}");
    assert!(!log.contains("wr0ng") && !output.exists(), "{log}");
    hub.asked();
    // Whatever ends the file that it was read from.
    let (code, log) = outcome(with(&hub, &cache, &build).env("HF_TOKEN", "s3cret\n"));
    assert!(code == 0 && !log.contains("s3cret"), "{log}");
    let asked = hub.asked();
    assert!(asked.iter().any(|asked| asked.of_storage));
    for asked in asked {
        assert_eq!(asked.authorization.is_none(), asked.of_storage, "{asked:?}");
    }
}

#[test]
fn what_the_hub_does_not_have_is_told() {
    let (hub, folder) = (hub(), tempfile::tempdir().unwrap());
    let cache = folder.path().join("cache");
    for (model, reason) in [
        ("hf:org/Tiny@v2", "no such model, revision or file"),
        ("hf:org/../Tiny", "write hf:ORG/NAME"),
    ] {
        let (code, log) = outcome(&mut with(&hub, &cache, &["serve", model]));
        assert!(code == 1 && log.contains(reason), "{log}");
    }
    let chosen = ["build", "hf:org/Tiny", "--onnx-file", "model.onnx"];
    let (code, log) = outcome(&mut with(&hub, &cache, &chosen));
    assert!(code == 1 && log.contains("there are onnx/model.onnx"), "{log}");
}
