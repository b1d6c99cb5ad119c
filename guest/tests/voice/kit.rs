//! A service that hears, and audio for it.

use pilotlight_audio::{CONTEXT, FRAME};
use pilotlight_guest::engine::Placement;
use pilotlight_guest::model::Usage;
use pilotlight_guest::service::{Head, Service, refuse};
use pilotlight_model::ModelFolder;
use pilotlight_testing::tiny_voice;
use serde_json::Value;

pub(crate) const STREAM: &str = "/v1/audio/stream";

/// The service of the tiny model.
pub(crate) fn tiny() -> Service {
    let folder = tiny_voice::folder();
    Service::load(&ModelFolder::open(folder.path()).unwrap(), Placement::default()).unwrap()
}

/// PCM of 16 bits: silence, a loud tone and silence again, of these numbers of samples.
pub(crate) fn pcm(silence: usize, tone: usize, more: usize) -> Vec<u8> {
    let quiet = |count| std::iter::repeat_n(0i16, count);
    let loud = (0..tone).map(|n| if n % 20 < 10 { 20_000 } else { -20_000 });
    quiet(silence).chain(loud).chain(quiet(more)).flat_map(i16::to_le_bytes).collect()
}

/// A WAV file of mono PCM of 16 bits.
pub(crate) fn wav(rate: u32, pcm: &[u8]) -> Vec<u8> {
    let mut file = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    file.extend(rate.to_le_bytes());
    file.extend((rate * 2).to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend((pcm.len() as u32).to_le_bytes());
    file.extend(pcm);
    file
}

/// What the tiny model tells of mono PCM of 16 bits at 16 kHz.
pub(crate) fn probabilities(pcm: &[u8]) -> Vec<f32> {
    let (samples, _) = pcm.as_chunks::<2>();
    let mut padded = vec![0.0; CONTEXT];
    padded.extend(samples.iter().map(|sample| f32::from(i16::from_le_bytes(*sample)) / 32_768.0));
    let frames = samples.len().div_ceil(FRAME);
    padded.resize(CONTEXT + frames * FRAME, 0.0);
    let mut memory = 0.0;
    let frame = |number: usize| &padded[number * FRAME..][..CONTEXT + FRAME];
    (0..frames).map(|number| tiny_voice::probability(frame(number), &mut memory)).collect()
}

/// Sends the body of a session in pieces whose sizes repeat `sizes`. An error after the head is told in the
/// session's own words.
pub(crate) fn converse(
    service: &Service,
    head: Head<'_>,
    body: &[u8],
    sizes: &[usize],
) -> Result<Vec<u8>, (u16, Value)> {
    let refused = |error| {
        let (status, body) = refuse(head.path, &error);
        (status, serde_json::from_slice(&body).unwrap())
    };
    let endpoint = service.route(head).map_err(refused)?;
    let mut opened = service.open(&endpoint).unwrap().map_err(refused)?;
    let (mut usage, mut told, mut rest) = (Usage::default(), Vec::new(), body);
    let mut result = Ok(());
    for size in sizes.iter().cycle() {
        if rest.is_empty() || result.is_err() || opened.session.is_over() {
            break;
        }
        let (piece, others) = rest.split_at((*size).clamp(1, rest.len()));
        result = opened.session.push(piece, &mut usage, &mut told);
        rest = others;
    }
    if result.is_ok() && !opened.session.is_over() {
        result = opened.session.finish(&mut usage, &mut told);
    }
    if let Err(error) = result {
        opened.session.fail(&error, &mut told);
    }
    Ok(told)
}

/// As [`converse`], of lines of JSON.
pub(crate) fn lines(service: &Service, query: &str, body: &[u8], sizes: &[usize]) -> Vec<Value> {
    let head = Head { method: "POST", path: STREAM, query: Some(query), ..Head::default() };
    parsed(&converse(service, head, body, sizes).unwrap())
}

pub(crate) fn parsed(told: &[u8]) -> Vec<Value> {
    let lines = std::str::from_utf8(told).unwrap().lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The probabilities of all frames that are told.
pub(crate) fn told_probabilities(lines: &[Value]) -> Vec<f32> {
    lines.iter().filter_map(|line| line["probability"].as_f64()).map(|p| p as f32).collect()
}

pub(crate) fn close(one: &[f32], other: &[f32], tolerance: f32) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| (one - other).abs() < tolerance)
}
