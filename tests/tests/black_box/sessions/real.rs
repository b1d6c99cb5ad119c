//! Silero's model, beside what ONNX Runtime told of the same recording.

use std::fs;
use std::net::TcpStream;
use std::thread;

use pilotlight_testing::real_model;
use pilotlight_tests::{Server, root};
use serde_json::Value;

use super::told;
use super::wire::Conversation;

/// The recording, and the probabilities of its frames but for the last, which is not complete.
fn golden() -> (Vec<u8>, Vec<f64>) {
    let golden = root().join("tests/golden");
    let cases = fs::read_to_string(golden.join("vad.jsonl")).unwrap();
    let case: Value = serde_json::from_str(cases.lines().next().unwrap()).unwrap();
    let recording = golden.join("audio").join(case["file"].as_str().unwrap());
    let expected = case["probabilities"].as_array().unwrap();
    (fs::read(recording).unwrap(), expected.iter().map(|p| p.as_f64().unwrap()).collect())
}

/// Sends the recording in pieces; the largest difference from what is expected.
fn difference(server: &Server, (recording, expected): &(Vec<u8>, Vec<f64>), size: usize) -> f64 {
    let address = server.url.strip_prefix("http://").unwrap();
    let stream = TcpStream::connect(address).unwrap();
    let mut pieces = recording.chunks(size);
    let first = pieces.next().unwrap();
    let mut session = Conversation::begin(stream, "/v1/audio/stream", "", first);
    pieces.for_each(|piece| session.send(piece));
    session.end();
    let found = told(&session.lines());
    assert_eq!(found.len(), expected.len() + 1);
    let differences = found.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).abs());
    differences.fold(0.0, f64::max)
}

const GRAPH: [&str; 2] = ["--onnx-file", "silero_vad_openvino_16k.onnx"];

#[test]
fn frames_are_those_of_onnx_runtime_in_the_sandbox_and_on_the_host() {
    let Some(folder) = real_model("silero-vad") else { return };
    let golden = golden();
    for place in [
        &["--compute", "guest"][..],
        &["--compute", "host", "--backend", "tract"],
        &["--compute", "host", "--backend", "native"],
        &["--compute", "host"],
    ] {
        let server = Server::start(&[&[folder.to_str().unwrap()][..], &GRAPH, place].concat());
        for size in [golden.0.len(), 1_000, 3_333] {
            let largest = difference(&server, &golden, size);
            assert!(largest < 1e-4, "{place:?}, pieces of {size}: {largest}");
        }
    }
}

#[test]
fn frames_of_many_sessions_are_those_of_one() {
    let Some(folder) = real_model("silero-vad") else { return };
    let golden = &golden();
    let options = ["--max-batch", "16", "--max-wait", "3"];
    let server = &Server::start(&[&[folder.to_str().unwrap()][..], &GRAPH, &options].concat());
    thread::scope(|scope| {
        for number in 0..8 {
            scope.spawn(move || {
                let largest = difference(server, golden, 1_024 + 100 * number);
                assert!(largest < 1e-4, "session {number}: {largest}");
            });
        }
    });
    let status = server.status("/status").json();
    let graph = &status["functions"]["default"]["current"]["graphs"][0];
    assert!(graph["mixes_rows"].is_null(), "{graph}");
    // tract computes one row after the other: it gains nothing by more.
    if graph["backend"] == "onnxruntime" {
        assert!(graph["rows"].as_u64() > graph["batches"].as_u64(), "{graph}");
    }
}
