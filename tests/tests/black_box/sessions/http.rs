//! `POST /v1/audio/stream`.

use std::thread;

use serde_json::json;

use super::wire::Conversation;
use super::{FRAME, Hearing, audio, close, probabilities, told};

const STREAM: &str = "/v1/audio/stream";
/// In the sandbox, and by backends of the host.
const PLACES: [&[&str]; 3] = [
    &["--compute", "guest"],
    &["--compute", "host", "--backend", "tract"],
    &["--compute", "host", "--backend", "native"],
];

#[test]
fn a_frame_is_answered_before_the_next_is_sent() {
    for place in PLACES {
        let hearing = Hearing::start(place);
        let pcm = audio(3, FRAME * 6);
        let mut frames = pcm.chunks(FRAME * 2);
        let mut session =
            Conversation::begin(hearing.connect(), STREAM, "", frames.next().unwrap());
        assert_eq!(session.status, 200, "{}", session.head);
        assert!(session.head.contains("application/x-ndjson"), "{}", session.head);
        let mut lines = vec![session.line().unwrap()];
        for frame in frames {
            session.send(frame);
            lines.push(session.line().unwrap());
        }
        session.end();
        assert_eq!(session.lines().last().unwrap()["done"]["frames"], 6);
        assert!(close(&told(&lines), &probabilities(&pcm)), "{place:?}");
        let status = hearing.settle();
        assert_eq!(
            (&status["sessions"]["begun"], &status["sessions"]["refused"]),
            (&json!(1), &json!(0))
        );
    }
}

#[test]
fn sessions_do_not_see_each_other() {
    let options = ["--backend", "tract", "--max-batch", "16", "--max-wait", "4"];
    let hearing = Hearing::start(&options);
    thread::scope(|scope| {
        for number in 0..12 {
            let hearing = &hearing;
            scope.spawn(move || {
                let pcm = audio(number, FRAME * 40 + number);
                let mut session = Conversation::begin(hearing.connect(), STREAM, "", &pcm[..100]);
                for piece in pcm[100..].chunks(1_000 + number * 100) {
                    session.send(piece);
                }
                session.end();
                let lines = session.lines();
                assert!(close(&told(&lines), &probabilities(&pcm)), "session {number}");
            });
        }
    });
    hearing.settle();
}

#[test]
fn events_are_sent_to_who_accepts_them() {
    let hearing = Hearing::start(PLACES[0]);
    let headers = "accept: text/event-stream\r\n";
    let mut session = Conversation::begin(hearing.connect(), STREAM, headers, &audio(1, FRAME));
    assert!(session.head.contains("text/event-stream"), "{}", session.head);
    session.end();
    let text = session.rest();
    assert_eq!(text.matches("data: {").count(), 2, "{text}");
}

#[test]
fn a_body_of_known_length_is_answered_alike() {
    let hearing = Hearing::start(&["--backend", "tract", "--session-behind", "4KiB"]);
    // More than the server's bodies may have, and than a session may be behind.
    let pcm = audio(5, 800_000);
    let answer = hearing.server.post(&format!("{STREAM}?frames=false"), pcm);
    assert_eq!(answer.status, 415, "JSON is no audio");
    let pcm = audio(5, 800_000);
    let request = ureq::http::Request::post(format!("{}{STREAM}", hearing.server.url));
    let answer = pilotlight_tests::send(request.body(pcm.clone()).unwrap());
    let lines: Vec<serde_json::Value> =
        answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.last().unwrap()["done"]["duration"], 50.0);
    assert!(close(&told(&lines), &probabilities(&pcm)));
}

#[test]
fn what_is_refused_before_it_begins_has_a_status() {
    let hearing = Hearing::start(PLACES[0]);
    for (target, headers, status) in [
        ("/v1/audio/stream?sample_rate=1", "", 400),
        ("/v1/audio/stream", "content-type: audio/ogg\r\n", 415),
        ("/v1/audio/stream", "content-encoding: gzip\r\ncontent-type: audio/ogg\r\n", 415),
    ] {
        let mut session = Conversation::begin(hearing.connect(), target, headers, b"ab");
        session.end();
        assert_eq!(session.status, status, "{target} {headers}");
    }
    assert_eq!(hearing.server.post("/v1/audio/nothing", "ab").status, 404);
    hearing.settle();
}

#[test]
fn the_sample_is_answered_when_a_version_starts_and_recordings_later() {
    let hearing = Hearing::start(PLACES[1]);
    let (samples, inputs) = (1_600, "AAAA");
    let answer =
        hearing.server.post("/v1/voice-activity-detection", json!({"inputs": inputs}).to_string());
    assert_eq!(answer.json()["probabilities"].as_array().unwrap().len(), 1, "{}", answer.text);
    assert!(samples > answer.json()["duration"].as_f64().unwrap() as usize);
}
