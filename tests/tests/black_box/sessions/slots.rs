//! Memory slots of a running server, searched for the samples of sessions.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::time::Instant;

use super::wire::Conversation;
use super::{FRAME, Hearing, PATIENCE, PLACES, STREAM};

/// Sessions of the test.
const SESSIONS: u8 = 8;

/// Samples that a session repeats and no other has.
fn pattern(session: u8) -> [i16; 4] {
    [0x2b67, 0x35a1, 0x4c1d, 0x1e53].map(|sample: i16| sample + 7 * i16::from(session))
}

/// Four frames of its pattern, and a part of a fifth.
fn audio(session: u8) -> Vec<u8> {
    let samples = pattern(session).into_iter().cycle().take(FRAME * 4 + FRAME / 2);
    samples.flat_map(i16::to_le_bytes).collect()
}

/// Eight aligned bytes of its audio: as sent, from any byte of the pattern on, and as floats.
fn words(session: u8) -> Vec<u64> {
    let samples = pattern(session);
    let mut sent: Vec<u8> = samples.into_iter().flat_map(i16::to_le_bytes).collect();
    let mut words = Vec::new();
    for _ in 0..sent.len() {
        sent.rotate_left(1);
        words.push(word(&sent));
    }
    for (sample, next) in samples.into_iter().zip(samples.into_iter().cycle().skip(1)) {
        let floats = [sample, next].map(|sample| (f32::from(sample) / 32_768.0).to_le_bytes());
        words.push(word(&floats.concat()));
    }
    words
}

fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().unwrap())
}

/// What can be found, and whose it is.
fn known() -> HashMap<u64, u8> {
    let of = |session| words(session).into_iter().map(move |word| (word, session));
    let known: HashMap<u64, u8> = (0..SESSIONS).flat_map(of).collect();
    assert_eq!(known.len(), words(0).len() * usize::from(SESSIONS), "patterns are alike");
    known
}

/// Where the slots of a process are (proc_pid_maps(5)): a private copy of an image, and the zeros behind it.
fn places(process: u32) -> Vec<(u64, u64)> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let mut places: Vec<(u64, u64)> = Vec::new();
    for line in maps.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (start, end) = fields[0].split_once('-').unwrap();
        let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).unwrap());
        let is_image = fields.get(5).is_some_and(|path| path.ends_with(".image"));
        if fields[1] != "rw-p" {
            continue;
        }
        if is_image {
            places.push((start, end));
        } else if let Some((_, last)) = places.last_mut()
            && *last == start
            && fields.len() == 5
        {
            *last = end;
        }
    }
    assert!(!places.is_empty(), "no memory slots in {maps}");
    places
}

/// The sessions of which something is in a slot, for each slot.
fn found(process: u32) -> Vec<BTreeSet<u8>> {
    let (known, places) = (known(), places(process));
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let search = |(start, end): (u64, u64)| {
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        // A slot that has been given back meanwhile holds nothing.
        if memory.read_exact_at(&mut bytes, start).is_err() {
            return BTreeSet::new();
        }
        let (words, _) = bytes.as_chunks::<8>();
        let words = words.iter().map(|bytes| u64::from_le_bytes(*bytes)).filter(|word| *word != 0);
        words.filter_map(|word| known.get(&word).copied()).collect()
    };
    places.into_iter().map(search).collect()
}

fn begin(hearing: &Hearing, session: u8) -> Conversation {
    let mut begun = Conversation::begin(hearing.connect(), STREAM, "", &audio(session));
    (0..4).for_each(|number| assert_eq!(begun.frame()["frame"], number));
    begun
}

/// Each of these sessions is in one slot, in which there is no other.
fn assert_apart(slots: &[BTreeSet<u8>], mut sessions: std::ops::Range<u8>) {
    let alone = |session: u8| {
        let own: Vec<_> = slots.iter().filter(|found| found.contains(&session)).collect();
        own == [&BTreeSet::from([session])]
    };
    assert!(sessions.all(alone), "{slots:?}");
}

#[test]
fn samples_of_a_session_are_in_its_own_slot_only_and_in_none_when_it_has_ended() {
    for place in PLACES {
        let hearing = Hearing::start(place);
        let process = hearing.server.id();
        let mut former: Vec<Conversation> = (0..2).map(|number| begin(&hearing, number)).collect();
        assert_apart(&found(process), 0..2);
        // One ends, and one goes away in the middle of a frame.
        former[0].end();
        former[0].rest();
        drop(former);
        hearing.settle();
        let _next: Vec<Conversation> =
            (2..SESSIONS).map(|number| begin(&hearing, number)).collect();
        assert_apart(&found(process), 2..SESSIONS);
        // Instances of sessions that have ended are torn down soon.
        let start = Instant::now();
        while found(process).iter().flatten().any(|session| *session < 2) {
            assert!(start.elapsed() < PATIENCE, "{place:?}: samples are left");
        }
    }
}
