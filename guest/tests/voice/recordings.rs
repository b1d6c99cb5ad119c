//! `/v1/voice-activity-detection`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pilotlight_guest::model::Usage;
use pilotlight_guest::service::{Head, refuse};
use pilotlight_model::Task;
use serde_json::{Value, json};

use crate::kit::{close, pcm, probabilities, tiny, wav};

const PATH: &str = "/v1/voice-activity-detection";

fn post(path: &str, content_type: &str, body: &[u8]) -> (u16, Value) {
    let service = tiny();
    let content_type = Some(content_type);
    let head = Head { method: "POST", path, content_type, ..Head::default() };
    let answer = service
        .route(head)
        .and_then(|endpoint| service.answer(&endpoint, body, &mut Usage::default()));
    let (status, body) = match answer {
        Ok(answer) => (200, answer.body.into()),
        Err(error) => refuse(path, &error),
    };
    (status, serde_json::from_slice(&body).unwrap())
}

fn in_json(audio: &[u8], parameters: &Value) -> Vec<u8> {
    let inputs = BASE64_STANDARD.encode(audio);
    json!({"inputs": inputs, "parameters": parameters}).to_string().into_bytes()
}

fn floats(list: &Value) -> Vec<f32> {
    list.as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect()
}

#[test]
fn a_recording_is_answered_with_its_speech() {
    let audio = pcm(8_000, 16_000, 8_000);
    for body in [in_json(&audio, &json!({})), in_json(&wav(16_000, &audio), &json!({}))] {
        for path in [PATH, "/", "/models/any/name"] {
            let (status, answer) = post(path, "application/json", &body);
            assert_eq!((status, &answer["duration"]), (200, &json!(2.0)), "{answer}");
            assert!(close(&floats(&answer["probabilities"]), &probabilities(&audio), 1e-5));
            let [segment] = &answer["segments"].as_array().unwrap()[..] else { panic!("{answer}") };
            let (start, end) =
                (segment["start"].as_f64().unwrap(), segment["end"].as_f64().unwrap());
            assert!((0.4..0.55).contains(&start) && (1.5..1.8).contains(&end), "{answer}");
        }
    }
    let (status, raw) = post(PATH, "audio/wav", &wav(16_000, &audio));
    assert_eq!((status, raw["segments"].as_array().unwrap().len()), (200, 1));
}

#[test]
fn parameters_choose_what_is_speech() {
    let audio = pcm(8_000, 16_000, 8_000);
    let count = |parameters: Value| {
        let (status, answer) = post(PATH, "application/json", &in_json(&audio, &parameters));
        assert_eq!(status, 200, "{answer}");
        answer["segments"].as_array().unwrap().len()
    };
    assert_eq!(count(json!({"min_speech_ms": 3000})), 0);
    assert_eq!(count(json!({"max_speech_ms": 400, "pad_ms": 0})), 2);
    assert_eq!(count(json!({"threshold": 0.3, "negative_threshold": 0.1})), 1);
}

#[test]
fn what_is_no_audio_is_refused() {
    let json = "application/json";
    for (status, content_type, body, part) in [
        (422, json, in_json(b"fLaC\0\0\0\x22\0\0\0\0", &json!({})), "FLAC"),
        (422, json, in_json(&wav(4_000, b"\0\0"), &json!({})), "4000 Hz"),
        (422, json, br#"{"inputs": "no base64"}"#.to_vec(), "base64"),
        (422, json, br#"{"inputs": ["a"]}"#.to_vec(), "string"),
        (422, json, in_json(b"", &json!({"threshold": 2})), "threshold 2"),
        (422, json, in_json(b"", &json!({"treshold": 0.2})), "treshold"),
        (400, json, b"{".to_vec(), "EOF"),
        (400, "audio/wav", b"OggS".to_vec(), "expected"),
        (415, "audio/ogg", b"OggS".to_vec(), "audio/ogg"),
    ] {
        let (found, answer) = post(PATH, content_type, &body);
        assert_eq!(found, status, "{answer}");
        assert!(answer["error"].as_str().unwrap().contains(part), "{part}: {answer}");
    }
}

#[test]
fn the_function_tells_what_it_is() {
    let description = tiny().description();
    assert_eq!(description.task, Task::VoiceActivityDetection);
    let sessions: Vec<_> = description.sessions.iter().map(|session| session.path).collect();
    assert_eq!(sessions, ["/v1/audio/stream", "/v1/audio/vosk"]);
    let sockets: Vec<_> = description.sessions.iter().flat_map(|session| session.sockets).collect();
    assert_eq!(sockets, [&"/", &"/v1/audio/vosk"]);
    assert!(description.splits.is_empty());
    let (path, request) = description.sample;
    let (status, answer) = post(&path, "application/json", request.to_string().as_bytes());
    assert_eq!((status, &answer["duration"]), (200, &json!(0.15)), "{answer}");
    assert_eq!(answer["probabilities"].as_array().unwrap().len(), 5);
    let info: Value = serde_json::from_str(&description.info).unwrap();
    assert_eq!(info["inputs"][0]["shape"], json!([1, 576]));
}
