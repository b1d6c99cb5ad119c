//! A model that hears anything loud, and remembers it for a while. It reads what Silero's models read.

use std::fs;

use pilotlight_model::Digest;
use pilotlight_onnx::encode;
use pilotlight_onnx::proto::{AttributeProto, ModelProto, TensorProto};
use tempfile::TempDir;

use crate::graphs::{F32, I64, model, port};
use crate::tiny_model::{floats, int, node};

/// How much a probability rises with the mean of the absolute values of a frame.
const GAIN: f32 = 4.0;

/// The graph, for one row: the probability is `tanh(4 * mean(|input|) + mean(state))`, and each element of
/// the next state `state / 2 + probability / 4`.
pub fn graph() -> Vec<u8> {
    encode(&proto())
}

/// The same, not written out.
pub fn proto() -> ModelProto {
    let inputs = vec![port("input", F32, &["1", "576"]), port("state", F32, &["2", "1", "128"])];
    let outputs = vec![port("output", F32, &["1", "1"]), port("stateN", F32, &["2", "1", "128"])];
    let axes = |axes: &[i64]| AttributeProto {
        name: "axes".into(),
        ints: axes.to_vec(),
        r#type: 7,
        ..Default::default()
    };
    let mut loudness = node("ReduceMean", &["magnitude"], "loudness");
    loudness.attribute = vec![axes(&[1]), int("keepdims", 1)];
    let mut memory = node("ReduceMean", &["state"], "memory");
    memory.attribute = vec![axes(&[0, 2]), int("keepdims", 1)];
    let nodes = vec![
        node("Abs", &["input"], "magnitude"),
        loudness,
        node("Mul", &["loudness", "gain"], "louder"),
        memory,
        node("Squeeze", &["memory", "first"], "kept"),
        node("Add", &["louder", "kept"], "sum"),
        node("Tanh", &["sum"], "output"),
        node("Mul", &["state", "half"], "faded"),
        node("Mul", &["output", "quarter"], "fresh"),
        node("Add", &["faded", "fresh"], "stateN"),
    ];
    let mut model = model(inputs, nodes, outputs);
    if let Some(graph) = &mut model.graph {
        let first = TensorProto {
            name: "first".into(),
            dims: vec![1],
            data_type: I64,
            raw_data: 0i64.to_le_bytes().to_vec().into(),
            ..Default::default()
        };
        let constants = [("gain", GAIN), ("half", 0.5), ("quarter", 0.25)];
        graph.initializer = constants.map(|(name, value)| floats(name, &[], &[value])).to_vec();
        graph.initializer.push(first);
    }
    model
}

/// What the graph computes of a frame; `memory` is what all elements of the state are.
pub fn probability(frame: &[f32], memory: &mut f32) -> f32 {
    let sum: f32 = frame.iter().map(|sample| sample.abs()).sum();
    let probability = (GAIN * sum / frame.len() as f32 + *memory).tanh();
    *memory = *memory / 2.0 + probability / 4.0;
    probability
}

/// A model folder with the graph.
pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let graph = graph();
    let manifest = format!(
        "name = \"tiny-voice\"\ntask = \"voice-activity-detection\"\nlicense = \"CC0-1.0\"\n\
         outputs = [\"output\", \"stateN\"]\n\n[limits]\nmax-body-bytes = 1000000\n\n[files]\n\
         \"model.onnx\".sha256 = \"{}\"\n",
        Digest::of(&graph)
    );
    fs::write(folder.path().join("model.onnx"), graph).unwrap();
    fs::write(folder.path().join("model.toml"), manifest).unwrap();
    folder
}
