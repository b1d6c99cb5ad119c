//! Silero's model, beside what ONNX Runtime told of the same recording.

use std::fs;

use pilotlight_testing::real_model;
use pilotlight_tests::{Server, root};
use serde_json::Value;

use super::told;
use super::wire::Conversation;

#[test]
fn frames_are_those_of_onnx_runtime_in_the_sandbox_and_on_the_host() {
    let Some(folder) = real_model("silero-vad") else { return };
    let golden = root().join("tests/golden");
    let cases = fs::read_to_string(golden.join("vad.jsonl")).unwrap();
    let case: Value = serde_json::from_str(cases.lines().next().unwrap()).unwrap();
    let recording = golden.join("audio").join(case["file"].as_str().unwrap());
    let recording = fs::read(recording).unwrap();
    let expected: Vec<f64> =
        case["probabilities"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
    let folder = folder.to_str().unwrap();
    let graph = ["--onnx-file", "silero_vad_openvino_16k.onnx"];
    for place in [
        &["--compute", "guest"][..],
        &["--compute", "host", "--backend", "tract"],
        &["--compute", "host", "--backend", "native"],
        &["--compute", "host"],
    ] {
        let server = Server::start(&[&[folder][..], &graph, place].concat());
        for size in [recording.len(), 1_000, 3_333] {
            let address = server.url.strip_prefix("http://").unwrap();
            let stream = std::net::TcpStream::connect(address).unwrap();
            let mut pieces = recording.chunks(size);
            let first = pieces.next().unwrap();
            let mut session = Conversation::begin(stream, "/v1/audio/stream", "", first);
            pieces.for_each(|piece| session.send(piece));
            session.end();
            let found = told(&session.lines());
            assert_eq!(found.len(), expected.len() + 1, "{place:?}");
            let differences = found.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).abs());
            let largest = differences.fold(0.0, f64::max);
            assert!(largest < 1e-4, "{place:?}, pieces of {size}: {largest}");
        }
    }
}
