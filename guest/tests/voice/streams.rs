//! `POST /v1/audio/stream`.

use pilotlight_guest::model::Usage;
use pilotlight_guest::service::Head;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::kit::{
    STREAM, close, converse, lines, parsed, pcm, probabilities, tiny, told_probabilities, wav,
};

#[test]
fn each_frame_is_told_and_speech_when_it_has_ended() {
    let audio = pcm(8_000, 16_000, 8_000);
    let told = lines(&tiny(), "", &audio, &[640]);
    assert!(close(&told_probabilities(&told), &probabilities(&audio), 1e-5));
    assert_eq!(told[0]["frame"], 0);
    assert_eq!(told[3]["start"], json!(0.096));
    assert_eq!((&told[0]["speech"], &told[20]["speech"]), (&json!(false), &json!(true)));
    let segment = told.iter().position(|line| line.get("segment").is_some()).unwrap();
    assert!(segment < told.len() - 2, "it is told before the end");
    assert_eq!(told.last().unwrap()["done"], json!({"frames": 63, "duration": 2.0, "segments": 1}));
}

#[test]
fn frames_can_be_left_out() {
    let told = lines(&tiny(), "frames=false", &pcm(8_000, 16_000, 8_000), &[640]);
    let keys: Vec<&str> =
        told.iter().map(|line| line.as_object().unwrap().keys().next().unwrap().as_str()).collect();
    assert_eq!(keys, ["segment", "done"]);
}

#[test]
fn the_head_says_what_is_sent() {
    let service = tiny();
    let audio = pcm(0, 8_000, 0);
    let duration = |content_type: Option<&str>, query: &str, body: &[u8]| {
        let head = Head {
            method: "POST",
            path: STREAM,
            query: Some(query),
            content_type,
            ..Head::default()
        };
        let told = parsed(&converse(&service, head, body, &[777]).unwrap());
        told.last().unwrap()["done"]["duration"].as_f64().unwrap()
    };
    assert_eq!(duration(None, "", &audio), 0.5);
    assert_eq!(duration(None, "", &wav(8_000, &audio)), 1.0, "the file says its rate");
    assert_eq!(duration(Some("audio/wav"), "", &wav(8_000, &audio)), 1.0);
    assert_eq!(duration(Some("application/octet-stream"), "sample_rate=8000", &audio), 1.0);
    assert_eq!(duration(Some("audio/pcm; rate=8000; channels=2"), "", &audio), 0.5);
    assert_eq!(duration(Some("audio/PCM"), "channels=2&encoding=s16le", &audio), 0.25);
    let floats = [0.5f32; 800].iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<u8>>();
    assert_eq!(duration(None, "encoding=f32le", &floats), 0.05);
}

#[test]
fn server_sent_events_are_told_to_who_accepts_them() {
    let service = tiny();
    let accept = Some("text/event-stream, */*;q=0.1");
    let head = Head { method: "POST", path: STREAM, accept, ..Head::default() };
    let endpoint = service.route(head).unwrap();
    assert_eq!(service.open(&endpoint).unwrap().unwrap().content_type, "text/event-stream");
    let told = converse(&service, head, &pcm(512, 0, 0), &[99]).unwrap();
    let text = String::from_utf8(told).unwrap();
    let events: Vec<&str> = text.split_terminator("\n\n").collect();
    assert_eq!(events.len(), 2, "{text}");
    for event in events {
        serde_json::from_str::<Value>(event.strip_prefix("data: ").unwrap()).unwrap();
    }
}

#[test]
fn what_is_not_supported_is_refused_before_anything_is_told() {
    let service = tiny();
    let refused = |content_type: Option<&str>, query: &str| {
        let head = Head {
            method: "POST",
            path: STREAM,
            query: Some(query),
            content_type,
            ..Head::default()
        };
        let (status, body) = converse(&service, head, b"", &[1]).unwrap_err();
        let message = body["error"]["message"].as_str().unwrap().to_owned();
        (status, message)
    };
    for (status, content_type, query, part) in [
        (415, Some("audio/mpeg"), "", "audio/mpeg"),
        (400, None, "encoding=mp3", "mp3"),
        (400, None, "sample_rate=1000", "1000 Hz"),
        (400, None, "sample_rate=x", "sample_rate"),
        (400, None, "channels=3", "3 channels"),
        (400, None, "threshold=2", "threshold 2"),
        (400, None, "max_speech_ms=10", "max_speech_ms"),
        (400, None, "speed=1", "speed"),
        (400, Some("audio/pcm; rate=x"), "", "rate"),
    ] {
        let (found, message) = refused(content_type, query);
        assert_eq!(found, status, "{message}");
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn audio_that_turns_out_wrong_ends_the_session_with_an_error() {
    let service = tiny();
    let told = lines(&service, "", b"fLaC\0\0\0\x22\0\0\0\0\0\0", &[3]);
    assert_eq!(told.len(), 1);
    assert!(told[0]["error"].as_str().unwrap().starts_with("FLAC is not supported"));
    assert_eq!(told[0]["error_type"], "invalid");
    let mut floats = vec![0u8; 4096];
    floats.extend(f32::NAN.to_le_bytes());
    let told = lines(&service, "encoding=f32le", &floats, &[1000]);
    assert!(told_probabilities(&told).len() == 1, "what was complete before is told");
    assert!(told.last().unwrap()["error"].as_str().unwrap().contains("sample 1024"));
}

#[test]
fn a_body_that_has_come_whole_is_answered_alike() {
    let service = tiny();
    let audio = pcm(4_000, 8_000, 4_000);
    let head = Head { method: "POST", path: STREAM, ..Head::default() };
    let endpoint = service.route(head).unwrap();
    let answer = service.answer(&endpoint, &audio, &mut Usage::default()).unwrap();
    assert_eq!(answer.content_type, "application/x-ndjson");
    assert_eq!(parsed(&answer.body), lines(&service, "", &audio, &[333]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_told_does_not_depend_on_the_size_of_pieces(
        (silence, tone, more) in (0usize..3000, 0usize..3000, 0usize..3000),
        sizes in prop::collection::vec(1usize..5000, 1..6),
        rate in prop_oneof![Just(16_000u32), Just(8_000), Just(44_100)],
    ) {
        let service = tiny();
        let file = wav(rate, &pcm(silence, tone, more));
        let query = "min_speech_ms=0&min_silence_ms=30";
        let whole = lines(&service, query, &file, &[file.len()]);
        prop_assert_eq!(&lines(&service, query, &file, &sizes), &whole);
        prop_assert_eq!(&lines(&service, query, &file, &[1]), &whole);
    }
}
