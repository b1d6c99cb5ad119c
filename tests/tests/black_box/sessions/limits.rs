//! What sessions may take, and what becomes of those that take more.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use super::wire::Conversation;
use super::{FRAME, Hearing, audio, close, probabilities, told};

const STREAM: &str = "/v1/audio/stream";
const HOST: [&str; 2] = ["--backend", "tract"];

fn begin(hearing: &Hearing) -> Conversation {
    let mut session = Conversation::begin(hearing.connect(), STREAM, "", &audio(1, FRAME));
    assert_eq!(session.line().unwrap()["frame"], 0);
    session
}

#[test]
fn more_sessions_than_may_go_on_are_refused_until_one_has_ended() {
    let hearing = Hearing::start(&[&HOST[..], &["--max-sessions", "2"]].concat());
    let (mut first, _second) = (begin(&hearing), begin(&hearing));
    let mut third = Conversation::begin(hearing.connect(), STREAM, "", b"ab");
    third.end();
    assert_eq!(third.status, 503);
    assert!(third.head.contains("retry-after"), "{}", third.head);
    first.end();
    first.rest();
    let status = hearing.status();
    assert_eq!(status["sessions"]["refused"], 1, "{status}");
    while hearing.status()["sessions"]["open"] != json!(1) {
        std::thread::sleep(Duration::from_millis(10));
    }
    begin(&hearing);
}

#[test]
fn more_sessions_than_instances_go_on_beside_requests() {
    let hearing =
        Hearing::start(&[&HOST[..], &["--max-instances", "2", "--min-ready", "1"]].concat());
    let mut sessions: Vec<Conversation> = (0..6).map(|_| begin(&hearing)).collect();
    assert_eq!(hearing.status()["pool"]["in_sessions"], 6);
    assert_eq!(hearing.server.get("/info").status, 200);
    sessions.iter_mut().for_each(Conversation::end);
    for mut session in sessions {
        assert!(session.lines().last().unwrap().get("done").is_some());
    }
    hearing.settle();
}

#[test]
fn who_is_silent_or_too_long_or_too_fast_is_told_so_and_closed() {
    for (options, sent, reason) in [
        (&["--session-idle", "0.2"][..], 0, "no data arrived"),
        (&["--session-length", "0.3"], 0, "the maximum length"),
        (&["--session-behind", "4KiB", "--compute", "guest"], 4_000_000, "it fell behind"),
    ] {
        let hearing = Hearing::start(options);
        let mut session = begin(&hearing);
        let mut other = begin(&hearing);
        for piece in vec![0; sent].chunks(60_000) {
            session.send(piece);
        }
        let last = session.lines().pop().unwrap();
        let error = last["error"].as_str().unwrap_or_else(|| panic!("{reason}: {last}"));
        assert!(error.contains(reason), "{error}");
        if sent > 0 {
            other.end();
            assert!(other.lines().last().unwrap().get("done").is_some(), "it costs only its own");
        }
        drop((session, other));
        hearing.settle();
    }
}

#[test]
fn who_goes_away_in_the_middle_of_a_frame_leaves_nothing() {
    let hearing = Hearing::start(&HOST);
    for _ in 0..20 {
        let mut session = begin(&hearing);
        session.send(&audio(2, FRAME / 2));
    }
    let status = hearing.settle();
    assert_eq!(status["sessions"]["begun"], 20);
    let pcm = audio(7, FRAME * 9);
    let mut session = Conversation::begin(hearing.connect(), STREAM, "", &pcm);
    session.end();
    assert!(close(&told(&session.lines()), &probabilities(&pcm)), "the next begins anew");
}

#[test]
fn garbage_costs_its_own_session_only() {
    let hearing = Hearing::start(&HOST);
    let mut session = begin(&hearing);
    let mut garbage = Conversation::begin(hearing.connect(), STREAM, "", b"fLaC\0\0\0\x22\0\0\0\0");
    assert!(garbage.lines()[0]["error"].as_str().unwrap().starts_with("FLAC"));
    let target = format!("{STREAM}?encoding=f32le");
    let mut nan = Conversation::begin(hearing.connect(), &target, "", &[0xff; 64]);
    assert!(nan.lines()[0]["error"].as_str().unwrap().contains("finite"));
    session.end();
    assert!(session.lines().last().unwrap().get("done").is_some());
    hearing.settle();
}

#[test]
fn sessions_that_go_on_when_the_server_stops_have_its_time_to_end() {
    let hearing = Hearing::start(&HOST);
    let mut session = begin(&hearing);
    hearing.server.signal(Signal::TERM);
    let pcm = audio(1, FRAME);
    session.send(&pcm);
    assert_eq!(session.line().unwrap()["frame"], 1);
    session.end();
    assert!(session.lines().last().unwrap().get("done").is_some());
    let Hearing { server, _folder } = hearing;
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn sessions_that_go_on_for_longer_are_cut_off() {
    let hearing = Hearing::start(&[&HOST[..], &["--drain-timeout", "1"]].concat());
    let _session = begin(&hearing);
    let start = Instant::now();
    let Hearing { server, _folder } = hearing;
    server.stop();
    assert!(start.elapsed() < Duration::from_secs(30), "it does not wait for what never ends");
}
