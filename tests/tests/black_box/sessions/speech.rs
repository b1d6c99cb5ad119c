//! Moonshine's model, beside what ONNX Runtime makes of the same recordings, driven from Python.

use std::fs;
use std::net::TcpStream;
use std::path::Path;

use pilotlight_testing::speech_model;
use pilotlight_tests::{Server, outcome, pilotlight, root};
use serde_json::Value;

use super::wire::Conversation;

/// How far times may be from those of the reference: a sample more or less.
const TOLERANCE: f64 = 0.001;

struct Recording {
    file: Vec<u8>,
    /// What is said in it.
    said: String,
    /// What the reference has for segments.
    segments: Vec<Value>,
}

fn recordings() -> Vec<Recording> {
    let golden = root().join("tests/golden");
    let cases = fs::read_to_string(golden.join("transcripts.jsonl")).unwrap();
    let case = |line: &str| {
        let case: Value = serde_json::from_str(line).unwrap();
        Recording {
            file: fs::read(golden.join("audio").join(case["file"].as_str().unwrap())).unwrap(),
            said: case["said"].as_str().unwrap().to_owned(),
            segments: case["segments"].as_array().unwrap().clone(),
        }
    };
    cases.lines().map(case).collect()
}

fn start(folder: &Path) -> Server {
    Server::start(&[folder.to_str().unwrap(), "--compute", "host", "--max-body-bytes", "8388608"])
}

/// Words as references have them.
fn words(text: &str) -> Vec<String> {
    let plain = text.to_lowercase().replace("mr.", "mister").replace('-', " ");
    let kept: String = plain.chars().filter(|c| c.is_alphanumeric() || c.is_whitespace()).collect();
    kept.split_whitespace().map(str::to_owned).collect()
}

/// Words that are wrong, missing or too many (Levenshtein).
fn errors(said: &[String], found: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=found.len()).collect();
    for (number, word) in said.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = number + 1;
        for (place, other) in found.iter().enumerate() {
            let replaced = diagonal + usize::from(word != other);
            diagonal = row[place + 1];
            row[place + 1] = replaced.min(row[place] + 1).min(diagonal + 1);
        }
    }
    row[found.len()]
}

/// The texts of segments as words.
fn spoken(segments: &[Value]) -> Vec<String> {
    segments.iter().flat_map(|segment| words(segment["text"].as_str().unwrap())).collect()
}

fn close(one: &Value, other: &Value) -> bool {
    (one.as_f64().unwrap() - other.as_f64().unwrap()).abs() < TOLERANCE
}

/// Segments are those of the reference, and their words no worse.
fn check(recording: &Recording, segments: &[Value]) {
    assert_eq!(segments.len(), recording.segments.len(), "{segments:?}");
    for (found, expected) in segments.iter().zip(&recording.segments) {
        assert!(close(&found["start"], &expected["start"]), "{found} {expected}");
        assert!(close(&found["end"], &expected["end"]), "{found} {expected}");
    }
    let said = words(&recording.said);
    let (found, expected) = (spoken(segments), spoken(&recording.segments));
    let (ours, reference) = (errors(&said, &found), errors(&said, &expected));
    assert!(ours <= reference, "{ours} errors instead of {reference}: {found:?}");
}

/// All lines that are told of a recording that is sent in pieces.
fn streamed(server: &Server, target: &str, recording: &[u8], size: usize) -> Vec<Value> {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut pieces = recording.chunks(size);
    let stream = TcpStream::connect(address).unwrap();
    let mut session = Conversation::begin(stream, target, "", pieces.next().unwrap());
    pieces.for_each(|piece| session.send(piece));
    session.end();
    session.lines()
}

fn of<'a>(lines: &'a [Value], key: &str) -> Vec<&'a Value> {
    lines.iter().filter_map(|line| line.get(key)).collect()
}

#[test]
fn transcripts_are_no_worse_than_those_of_onnx_runtime() {
    let Some(folder) = speech_model() else { return };
    let server = start(&folder);
    for recording in recordings() {
        let answer = server.post("/v1/automatic-speech-recognition", recording.file.clone());
        let answer = answer.json();
        let segments = answer["segments"].as_array();
        check(&recording, segments.unwrap_or_else(|| panic!("{answer}")));
    }
}

#[test]
fn speech_is_written_down_while_it_is_sent() {
    let Some(folder) = speech_model() else { return };
    let server = start(&folder);
    let recording = &recordings()[0];
    let told = streamed(&server, "/v1/audio/stream?frames=false", &recording.file, 3_200);
    let segments: Vec<Value> = of(&told, "segment").into_iter().cloned().collect();
    check(recording, &segments);
    let partials = of(&told, "partial");
    let text = |partial: &Value| words(partial["text"].as_str().unwrap());
    assert!(partials.len() >= 3, "{partials:?}");
    assert!(text(partials[0]).len() < text(partials[partials.len() - 1]).len(), "{partials:?}");
    assert_eq!(of(&told, "done").len(), 1, "{told:?}");
}

#[test]
fn a_built_component_finds_all_its_graphs_beside_it() {
    let Some(folder) = speech_model() else { return };
    let output = tempfile::tempdir().unwrap();
    let file = output.path().join("speech.wasm");
    let (folder, file) = (folder.to_str().unwrap(), file.to_str().unwrap());
    let mut build = pilotlight(&["build", folder, "--compute", "host", "-o", file]);
    let (code, told) = outcome(&mut build);
    assert_eq!(code, 0, "{told}");
    let server = Server::start(&[file, "--max-body-bytes", "8388608"]);
    let recording = &recordings()[3];
    let answer = server.post("/v1/automatic-speech-recognition", recording.file.clone()).json();
    check(recording, answer["segments"].as_array().unwrap_or_else(|| panic!("{answer}")));
    let status = server.status("/status").json();
    let graphs = status["functions"]["default"]["current"]["graphs"].as_array().unwrap().len();
    assert_eq!(graphs, 2, "{status}");
}
