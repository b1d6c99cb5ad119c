//! Silero's model in the sandbox, beside what ONNX Runtime told of the same recording.

use std::fs;
use std::path::Path;

use pilotlight_guest::engine::Placement;
use pilotlight_guest::service::Service;
use pilotlight_model::{Choices, ModelFolder, Task};
use pilotlight_testing::real_model;
use serde_json::Value;

use crate::kit::{close, lines, told_probabilities};

const GOLDEN: &str = "../tests/golden";
const GRAPH: &str = "silero_vad_openvino_16k.onnx";

#[test]
fn frames_are_those_of_onnx_runtime_whatever_the_size_of_pieces() {
    let Some(folder) = real_model("silero-vad") else { return };
    let choices = Choices { onnx_file: Some(GRAPH.to_owned()), ..Choices::default() };
    let signature =
        |file: &Path| pilotlight_onnx::signature(file).map_err(|error| error.to_string());
    let folder = ModelFolder::detect(folder, &choices, &signature).unwrap();
    assert_eq!(folder.manifest().task, Task::VoiceActivityDetection);
    let service = Service::load(&folder, Placement::default()).unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN);
    let cases = fs::read_to_string(golden.join("vad.jsonl")).unwrap();
    let case: Value = serde_json::from_str(cases.lines().next().unwrap()).unwrap();
    let recording = golden.join("audio").join(case["file"].as_str().unwrap());
    let recording = fs::read(recording).unwrap();
    let expected = case["probabilities"].as_array().unwrap();
    let expected: Vec<f32> = expected.iter().map(|value| value.as_f64().unwrap() as f32).collect();
    let whole = lines(&service, "", &recording, &[recording.len()]);
    // The last frame is not complete, and not in the golden file.
    let found = told_probabilities(&whole);
    assert_eq!(found.len(), expected.len() + 1);
    assert!(close(&found[..expected.len()], &expected, 1e-4));
    for sizes in [&[1][..], &[1023, 2], &[1024], &[7, 70_000]] {
        assert_eq!(lines(&service, "", &recording, sizes), whole, "{sizes:?}");
    }
}
