//! Memory of sessions: the same after an hour of audio as after a minute, and given back when they end.

use std::time::Duration;

use super::wire::Conversation;
use super::{FRAME, HOST, Hearing, STREAM, audio, begin};
use crate::process::{private_memory, processor_time};

/// Frames of a piece: a second of audio.
const PIECE: usize = 32;
const MINUTE: usize = 60;
const HOUR: usize = 60 * MINUTE;
/// Processor time of the server after which a part of the hour has to do.
const MOST_PROCESSOR_TIME: Duration = Duration::from_secs(15);
/// For an hour: 70 bytes for each frame, and a fourteenth of the audio.
const MOST_GROWN: u64 = 8 << 20;

/// Memory of a server whose pool has as many instances as it keeps ready: creating them takes memory.
fn memory(hearing: &Hearing) -> u64 {
    loop {
        let pool = &hearing.status()["pool"];
        if pool["ready"].as_u64() >= pool["target"].as_u64() {
            return private_memory(hearing.server.id());
        }
        std::thread::yield_now();
    }
}

/// Sends an hour of audio, or as much as takes [`MOST_PROCESSOR_TIME`], as fast as it is answered.
fn hear_for_an_hour(place: &[&str]) {
    let limits = ["--session-behind", "64KiB", "--session-length", "14400"];
    let hearing = Hearing::start(&[place, &limits].concat());
    // Silence and speech, so that segments begin and end, too.
    let piece = audio(3, FRAME * PIECE);
    let mut session = Conversation::begin(hearing.connect(), STREAM, "", &piece);
    let (mut pieces, mut before) = (0, 0);
    while pieces < HOUR && processor_time(hearing.server.id()) < MOST_PROCESSOR_TIME {
        (0..PIECE).for_each(|_| drop(session.frame()));
        pieces += 1;
        if pieces == MINUTE {
            before = memory(&hearing);
        }
        session.send(&piece);
    }
    let grown = memory(&hearing).saturating_sub(before);
    assert!(before > 0, "a minute of audio takes too much processor time");
    assert!(grown < MOST_GROWN, "{grown} bytes more after {pieces} seconds");
    session.end();
    let last = session.lines().pop().unwrap();
    assert_eq!(last["done"]["frames"], (pieces + 1) * PIECE, "{last}");
    hearing.settle();
}

#[test]
fn an_hour_of_audio_takes_no_more_memory_than_a_minute_on_the_host() {
    hear_for_an_hour(&HOST);
}

#[test]
fn an_hour_of_audio_takes_no_more_memory_than_a_minute_in_the_sandbox() {
    hear_for_an_hour(&["--compute", "guest"]);
}

/// Sessions that end in each way there is.
fn end_in_each_way(hearing: &Hearing) {
    let mut sessions: Vec<Conversation> = (0..16).map(|_| begin(hearing)).collect();
    for (number, session) in sessions.iter_mut().enumerate() {
        match number % 4 {
            0 => session.end(),
            // Goes away in the middle of a frame.
            1 => session.send(&audio(2, FRAME / 2)),
            // Falls behind, if it is not computed as fast.
            2 => (0..8).for_each(|_| session.send(&audio(2, FRAME * 60))),
            // Goes away in the middle of a chunk.
            _ => session.send_raw(b"ffff\r\n\0\0"),
        }
    }
    for session in sessions.iter_mut().step_by(4) {
        assert!(session.lines().last().unwrap().get("done").is_some());
    }
    drop(sessions);
    hearing.settle();
}

#[test]
fn memory_returns_in_whatever_way_sessions_end() {
    const MOST: u64 = 32 << 20;
    let hearing = Hearing::start(&[&HOST[..], &["--session-behind", "64KiB"]].concat());
    (0..2).for_each(|_| end_in_each_way(&hearing));
    let before = memory(&hearing);
    (0..10).for_each(|_| end_in_each_way(&hearing));
    let grown = memory(&hearing).saturating_sub(before);
    assert!(grown < MOST, "{grown} bytes more after 160 sessions");
}
