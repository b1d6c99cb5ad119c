//! Speech recognition through a model that says `la` once for each second of what it hears.

use std::fs;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pilotlight_guest::engine::TractEngine;
use pilotlight_guest::engine::{Element, Engine, EngineError, NamedTensor, Port, Tensor};
use pilotlight_guest::function::Function;
use pilotlight_guest::model::{Model, SpeechModel, TokenTexts, Usage, VoiceModel};
use pilotlight_guest::service::{Head, Service, refuse};
use pilotlight_model::ModelFolder;
use pilotlight_testing::tiny_voice;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::kit::{lines, pcm, wav};

const RATE: usize = 16_000;
const PATH: &str = "/v1/audio/transcriptions";
const FORM: &str = "multipart/form-data; boundary=edge";

/// Says `la` for each second that has begun, and ends; in silence it ends at once.
struct Singer(Vec<Port>, Vec<Port>);

impl Singer {
    fn new() -> Self {
        let port = |name: &str, element, dims: &[Option<usize>]| Port {
            name: name.to_owned(),
            element,
            dims: dims.to_vec(),
        };
        let number = |name| port(name, Element::I64, &[Some(1)]);
        let inputs = vec![
            port("input_values", Element::F32, &[Some(1), None]),
            number("start_token"),
            number("end_token"),
            number("max_tokens"),
        ];
        Self(inputs, vec![port("tokens", Element::I64, &[Some(1), None])])
    }
}

impl Engine for Singer {
    fn inputs(&self) -> &[Port] {
        &self.0
    }

    fn outputs(&self) -> &[Port] {
        &self.1
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<NamedTensor>, EngineError> {
        let samples = inputs[0].f32s().unwrap();
        assert_eq!(inputs[0].shape, [1, samples.len()]);
        let most = i64::from_le_bytes(inputs[3].bytes[..].try_into().unwrap());
        assert_eq!(most as usize, (samples.len() * 13).div_ceil(2 * RATE));
        let is_loud = samples.iter().any(|sample| sample.abs() > 0.1);
        let count = if is_loud { samples.len().div_ceil(RATE) } else { 0 };
        let tokens = std::iter::repeat_n(3, count).chain([2]);
        let tensor = Tensor::of_i64(vec![1, count + 1], tokens);
        Ok(vec![("tokens".to_owned(), tensor)])
    }

    fn place(&self) -> &'static str {
        "host"
    }
}

fn service() -> Service {
    let folder = tempfile::tempdir().unwrap();
    let zeros = "0".repeat(64);
    let files = ["encoder.ort", "decoder.ort", "tokens.bin", "voice.onnx"];
    let files = files.map(|name| format!("\"{name}\".sha256 = \"{zeros}\"\n")).concat();
    let manifest = format!(
        "name = \"singer\"\ntask = \"automatic-speech-recognition\"\nonnx-file = \"encoder.ort\"\nlicense = \"CC0-1.0\"\n\
         [speech]\ndecoder = \"decoder.ort\"\ntokens = \"tokens.bin\"\nvoice-activity = \"voice.onnx\"\n\
         [limits]\nmax-body-bytes = 4000000\n[files]\n{files}"
    );
    fs::write(folder.path().join("model.toml"), manifest).unwrap();
    let folder = ModelFolder::open(folder.path()).unwrap();
    let graph = pilotlight_onnx::decode(&tiny_voice::graph()[..]).unwrap();
    let voice = VoiceModel::new(Box::new(TractEngine::graph(graph).unwrap())).unwrap();
    let tokens = TokenTexts::read("\0\0\0\u{5}\u{2581}la".as_bytes()).unwrap();
    let model = SpeechModel::new(Box::new(Singer::new()), voice, tokens).unwrap();
    let model = Model::Speech(Box::new(model.in_language(Some("en".to_owned()))));
    Service::new(Function::new(&folder, model, "float32").unwrap())
}

/// Three seconds of sound, and one more after a pause.
fn recording() -> Vec<u8> {
    [pcm(RATE / 2, 3 * RATE, RATE), pcm(RATE / 2, RATE, RATE)].concat()
}

fn answered(service: &Service, head: Head<'_>, body: &[u8]) -> (u16, Vec<u8>) {
    let refused = |error| refuse(head.path, &error);
    let answer = service
        .route(head)
        .and_then(|endpoint| service.answer(&endpoint, body, &mut Usage::default()));
    answer.map_or_else(refused, |answer| (200, answer.body.into()))
}

/// The fields of a form; the file comes first.
fn form(file: &[u8], fields: &[(&str, &str)]) -> Vec<u8> {
    let mut body =
        b"--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n"
            .to_vec();
    body.extend(file);
    for (name, value) in fields {
        let part =
            format!("\r\n--edge\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}");
        body.extend(part.into_bytes());
    }
    body.extend(b"\r\n--edge--\r\n");
    body
}

fn transcribed(file: &[u8], fields: &[(&str, &str)]) -> (u16, Vec<u8>) {
    let head = Head { method: "POST", path: PATH, content_type: Some(FORM), ..Head::default() };
    answered(&service(), head, &form(file, fields))
}

fn parsed((status, body): (u16, Vec<u8>)) -> (u16, Value) {
    (status, serde_json::from_slice(&body).unwrap())
}

/// Lines that have `key`.
fn with<'a>(lines: &'a [Value], key: &str) -> Vec<&'a Value> {
    lines.iter().filter_map(|line| line.get(key)).collect()
}

#[test]
fn a_recording_is_written_down_segment_by_segment() {
    let head = Head { method: "POST", path: "/v1/automatic-speech-recognition", ..Head::default() };
    let (status, answer) = parsed(answered(&service(), head, &wav(16_000, &recording())));
    assert_eq!(status, 200, "{answer}");
    let segments = answer["segments"].as_array().unwrap();
    let texts: Vec<&Value> = segments.iter().map(|segment| &segment["text"]).collect();
    // With its padding each is a second longer, at most.
    assert_eq!(texts, ["la la la la", "la la"], "{answer}");
    assert_eq!(answer["text"], "la la la la la la");
    assert_eq!(answer["duration"], 7.0);
    let start = segments[0]["start"].as_f64().unwrap();
    assert!((0.2..0.5).contains(&start), "{answer}");
}

#[test]
fn paths_of_hosted_inference_name_the_task() {
    let body = json!({"inputs": BASE64_STANDARD.encode(recording())}).to_string();
    for (path, is_written) in [
        ("/", true),
        ("/models/any/name", true),
        ("/pipeline/automatic-speech-recognition", true),
        ("/models/any/name/pipeline/automatic-speech-recognition", true),
        ("/pipeline/voice-activity-detection", false),
        ("/pipeline/voice-activity-detection/any/name", false),
        ("/models/any/name/pipeline/voice-activity-detection", false),
        ("/hf-inference/pipeline/voice-activity-detection", false),
    ] {
        let head = Head { method: "POST", path, ..Head::default() };
        let (status, answer) = parsed(answered(&service(), head, body.as_bytes()));
        assert_eq!((status, &answer["duration"]), (200, &json!(7.0)), "{path}: {answer}");
        assert_eq!(answer.get("text").is_some(), is_written, "{path}: {answer}");
        assert_eq!(answer.get("probabilities").is_some(), !is_written, "{path}: {answer}");
    }
}

#[test]
fn hosted_inference_takes_recordings_as_they_are() {
    let (file, samples) = (wav(16_000, &recording()), recording());
    let said = json!("la la la la la la");
    for (content_type, body) in [
        (Some("audio/wav"), &file),
        (Some("audio/x-wav; codecs=1"), &file),
        (Some("application/octet-stream"), &file),
        (Some("audio/pcm;rate=16000"), &samples),
        // As huggingface_hub calls bytes.
        (Some("application/json"), &file),
        (None, &file),
    ] {
        for path in ["/", "/models/any/name", "/pipeline/automatic-speech-recognition/any/name"] {
            let head = Head { method: "POST", path, content_type, ..Head::default() };
            let (status, answer) = parsed(answered(&service(), head, body));
            assert_eq!((status, &answer["text"]), (200, &said), "{path} {content_type:?}");
        }
    }
    let path = "/pipeline/voice-activity-detection";
    let query = Some("min_speech_ms=2000");
    let head =
        Head { method: "POST", path, content_type: Some("audio/wav"), query, ..Head::default() };
    let (_, answer) = parsed(answered(&service(), head, &file));
    assert_eq!(answer["segments"].as_array().unwrap().len(), 1, "{answer}");
}

#[test]
fn hosted_inference_refuses_what_is_no_recording() {
    for (content_type, query, body, status, message) in [
        (Some("audio/flac"), None, &b"fLaC\0\0\0\x22"[..], 415, "audio/flac is not supported"),
        (Some("audio/wav"), None, b"fLaC\0\0\0\x22", 400, "FLAC"),
        (None, None, b"fLaC\0\0\0\x22\xff\xff\xff\xff", 400, "FLAC"),
        (Some("application/json"), None, b"OggS\0\x02\xff", 400, "Ogg"),
        (Some("audio/wav"), Some("loud=true"), b"RIFF", 400, "loud"),
        (None, None, b"{", 400, "EOF"),
    ] {
        let head = Head { method: "POST", path: "/", content_type, query, ..Head::default() };
        let (found, answer) = parsed(answered(&service(), head, body));
        assert_eq!(found, status, "{content_type:?}: {answer}");
        assert!(answer["error"].as_str().unwrap().contains(message), "{message}: {answer}");
    }
}

#[test]
fn the_stream_tells_text_while_somebody_speaks_and_at_the_end() {
    let told = lines(&service(), "", &recording(), &[3_200]);
    let partials = with(&told, "partial");
    let texts: Vec<&str> =
        partials.iter().map(|partial| partial["text"].as_str().unwrap()).collect();
    assert!(texts.len() >= 3 && texts[0].starts_with("la"), "{texts:?}");
    let segments = with(&told, "segment");
    assert_eq!(segments.len(), 2);
    assert_eq!(segments[0]["text"], "la la la la");
    // A segment is told as soon as it has ended.
    let place = |key: &str| told.iter().position(|line| line.get(key).is_some()).unwrap();
    assert!(place("segment") < told.len() - 20);
    let quiet = lines(&service(), "partials=false&frames=false", &recording(), &[3_200]);
    assert_eq!(with(&quiet, "partial").len(), 0);
    assert_eq!(with(&quiet, "segment"), segments);
}

#[test]
fn long_speech_is_cut_before_the_model_hears_too_much() {
    let told = lines(&service(), "partials=false&frames=false", &pcm(0, 40 * RATE, 0), &[32_000]);
    let segments = with(&told, "segment");
    assert!(segments.len() >= 3, "{segments:?}");
    let length =
        |segment: &Value| segment["end"].as_f64().unwrap() - segment["start"].as_f64().unwrap();
    assert!(segments.iter().all(|segment| length(segment) < 15.5), "{segments:?}");
    let head = Head {
        method: "POST",
        path: "/v1/audio/stream",
        query: Some("max_speech_ms=30001"),
        ..Head::default()
    };
    let service = service();
    let endpoint = service.route(head).unwrap();
    let error = service.open(&endpoint).unwrap().err().unwrap();
    assert!(error.to_string().contains("at most 30000"), "{error}");
}

#[test]
fn transcriptions_come_in_the_formats_of_openai() {
    let file = wav(16_000, &recording());
    let (status, json) = parsed(transcribed(&file, &[("model", "whisper-1")]));
    assert_eq!((status, &json["text"]), (200, &json!("la la la la la la")));
    assert_eq!(json["usage"], json!({"type": "duration", "seconds": 7.0}));
    let text = transcribed(&file, &[("response_format", "text")]);
    assert_eq!(text, (200, b"la la la la la la\n".to_vec()));
    let verbose = [
        ("response_format", "verbose_json"),
        ("language", "en"),
        ("timestamp_granularities[]", "segment"),
    ];
    let (_, verbose) = parsed(transcribed(&file, &verbose));
    assert_eq!(verbose["language"], "en");
    assert_eq!(verbose["segments"][1]["id"], 1);
    assert_eq!(verbose["segments"][1]["text"], "la la");
    for (format, start) in [("srt", "1\n00:00:00,"), ("vtt", "WEBVTT\n\n00:00:00.")] {
        let (status, body) = transcribed(&file, &[("response_format", format)]);
        let body = String::from_utf8(body).unwrap();
        assert!(status == 200 && body.starts_with(start), "{body}");
    }
}

#[test]
fn what_cannot_be_written_down_is_refused_in_openais_words() {
    let file = wav(16_000, &recording());
    for (file, fields, status, message) in [
        (&file[..], &[("response_format", "diarized_json")][..], 400, "diarized_json"),
        (&file, &[("language", "de")], 400, "the model writes en"),
        (&file, &[("stream", "true")], 501, "stream"),
        (&file, &[("timestamp_granularities[]", "word")], 501, "timestamps"),
        (b"", &[], 400, "file is empty"),
        (b"fLaC\0\0\0\x22", &[], 400, "FLAC"),
        (b"no sound at all, and no header either.............", &[], 400, "WAV"),
    ] {
        let (found, answer) = parsed(transcribed(file, fields));
        let text = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(text.contains(message), "{answer}");
        assert_eq!(found, status, "{answer}");
    }
    let head = Head {
        method: "POST",
        path: PATH,
        content_type: Some("application/json"),
        ..Head::default()
    };
    assert_eq!(answered(&service(), head, b"{}").0, 415);
    let head = Head { content_type: Some(FORM), ..head };
    assert_eq!(answered(&service(), head, &form(&file, &[])[..200]).0, 400);
}

#[test]
fn vosk_clients_get_words() {
    let message = |kind: u8, content: &[u8]| {
        [&[kind][..], &(content.len() as u32).to_le_bytes(), content].concat()
    };
    let mut sent: Vec<u8> = recording().chunks(8_000).flat_map(|part| message(0, part)).collect();
    sent.extend(message(1, b"{\"eof\" : 1}"));
    let head = Head { method: "POST", path: "/v1/audio/vosk", ..Head::default() };
    let told =
        crate::kit::parsed(&crate::kit::converse(&service(), head, &sent, &[4_096]).unwrap());
    let texts: Vec<&str> = told.iter().filter_map(|answer| answer["text"].as_str()).collect();
    assert_eq!(texts, ["la la la la", "la la", ""]);
    let partials = with(&told, "partial");
    assert!(partials.iter().any(|partial| *partial == "la la la"), "{partials:?}");
    // After the end of speech nothing is left of it.
    assert_eq!(partials.last(), Some(&&json!("")));
}

#[test]
fn the_function_has_both_tasks() {
    let description = service().description();
    let tasks: Vec<String> =
        description.endpoints.iter().map(|(_, _, task)| task.to_string()).collect();
    assert!(tasks.contains(&"automatic-speech-recognition".to_owned()), "{tasks:?}");
    assert!(tasks.contains(&"voice-activity-detection".to_owned()), "{tasks:?}");
    assert_eq!(description.sessions.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn what_is_told_does_not_depend_on_how_audio_is_cut(sizes in prop::collection::vec(1usize..20_000, 1..5)) {
        let (service, audio) = (service(), recording());
        prop_assert_eq!(lines(&service, "", &audio, &sizes), lines(&service, "", &audio, &[audio.len()]));
    }
}
