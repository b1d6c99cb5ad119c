//! Graphs that do not tell voice activity.

use std::fs;

use pilotlight_guest::engine::Placement;
use pilotlight_guest::service::Service;
use pilotlight_model::{Digest, ModelFolder};
use pilotlight_onnx::encode;
use pilotlight_testing::graphs::{F32, port};
use pilotlight_testing::tiny_voice;

/// What a folder is refused with whose graph has these inputs and outputs.
fn refusal(state: &[&str], more_outputs: bool) -> String {
    let folder = tiny_voice::folder();
    let mut model = tiny_voice::proto();
    let graph = model.graph.as_mut().unwrap();
    graph.input[1] = port("state", F32, state);
    if more_outputs {
        graph.output.push(port("sum", F32, &["1", "1"]));
    }
    let file = encode(&model);
    let manifest = fs::read_to_string(folder.path().join("model.toml")).unwrap();
    let (before, _) = manifest.split_once("\"model.onnx\"").unwrap();
    let manifest = format!("{before}\"model.onnx\".sha256 = \"{}\"\n", Digest::of(&file));
    fs::write(folder.path().join("model.onnx"), file).unwrap();
    fs::write(folder.path().join("model.toml"), manifest).unwrap();
    let folder = ModelFolder::open(folder.path()).unwrap();
    Service::load(&folder, Placement::default()).err().unwrap().to_string()
}

#[test]
fn they_are_refused_by_name() {
    let refused = refusal(&["2", "1", "64"], false);
    assert!(refused.contains("input state, FP32"), "{refused}");
    let refused = refusal(&["2", "1", "128"], true);
    assert!(refused.contains("outputs have to be a probability and the next state"), "{refused}");
}
