use pilotlight_audio::{FRAME, Segment, SegmentOptions, Segmenter};
use proptest::prelude::*;
use serde_json::Value;

fn segments(options: &SegmentOptions, probabilities: &[f32], samples: u64) -> Vec<Segment> {
    let (mut segmenter, mut found) = (Segmenter::new(options).unwrap(), Vec::new());
    for probability in probabilities {
        segmenter.push(*probability, &mut found);
    }
    segmenter.finish(samples, &mut found);
    found
}

fn options(told: &Value) -> SegmentOptions {
    let mut options = SegmentOptions::default();
    let number = |key: &str| told[key].as_f64();
    let milliseconds = |key: &str| told[key].as_u64().map(|ms| u32::try_from(ms).unwrap());
    options.threshold = number("threshold").map_or(options.threshold, |value| value as f32);
    options.negative_threshold = number("negative_threshold").map(|value| value as f32);
    options.min_speech_ms = milliseconds("min_speech_ms").unwrap_or(options.min_speech_ms);
    options.min_silence_ms = milliseconds("min_silence_ms").unwrap_or(options.min_silence_ms);
    options.pad_ms = milliseconds("pad_ms").unwrap_or(options.pad_ms);
    options.max_speech_ms = milliseconds("max_speech_ms");
    options
}

/// What `get_speech_timestamps_from_probs` of silero-vad 6.2.3 found, for two recordings and random
/// walks.
#[test]
fn segments_are_those_of_silero() {
    let data: Value = serde_json::from_str(include_str!("../data/segments.json")).unwrap();
    for case in data["cases"].as_array().unwrap() {
        let sequence = &data["sequences"][case["sequence"].as_u64().unwrap() as usize];
        let probabilities = sequence["probabilities"].as_array().unwrap();
        let probabilities: Vec<f32> =
            probabilities.iter().map(|value| value.as_f64().unwrap() as f32).collect();
        let samples = sequence["samples"].as_u64().unwrap();
        let found = segments(&options(&case["options"]), &probabilities, samples);
        let found: Vec<Value> =
            found.iter().map(|segment| serde_json::json!([segment.start, segment.end])).collect();
        assert_eq!(Value::from(found), case["segments"], "{case}");
    }
}

#[test]
fn speech_is_told_while_it_lasts() {
    let mut segmenter = Segmenter::new(&SegmentOptions::default()).unwrap();
    let mut found = Vec::new();
    let mut told = Vec::new();
    for probability in [0.1, 0.6, 0.4, 0.2, 0.2, 0.2, 0.2, 0.2] {
        segmenter.push(probability, &mut found);
        told.push(segmenter.is_speech());
    }
    // 128 ms of silence are more than 100.
    assert_eq!(told, [false, true, true, true, true, true, true, false]);
    assert!(found.is_empty(), "32 ms of speech are less than 250");
}

#[test]
fn options_out_of_range_are_named() {
    let refused = |change: fn(&mut SegmentOptions)| {
        let mut options = SegmentOptions::default();
        change(&mut options);
        Segmenter::new(&options).unwrap_err()
    };
    assert!(refused(|options| options.threshold = 0.0).starts_with("threshold 0"));
    assert!(refused(|options| options.threshold = f32::NAN).starts_with("threshold NaN"));
    assert!(refused(|options| options.negative_threshold = Some(0.6)).contains("at most 0.5"));
    assert!(refused(|options| options.pad_ms = u32::MAX).starts_with("pad_ms 4294967295"));
    assert!(refused(|options| options.min_speech_ms = 4_000_000).starts_with("min_speech_ms"));
    assert!(refused(|options| options.max_speech_ms = Some(92)).contains("above 92"));
}

/// The rules over all probabilities at once: segments first, padding second.
fn whole(options: &SegmentOptions, probabilities: &[f32], samples: u64) -> Vec<Segment> {
    let mut segments = unpadded(options, probabilities, samples);
    let pad = u64::from(options.pad_ms) * 16;
    if let Some(first) = segments.first_mut() {
        first.start = first.start.saturating_sub(pad);
    }
    for next in 1..=segments.len() {
        let Some(following) = segments.get(next).map(|segment| segment.start) else {
            if let Some(last) = segments.last_mut() {
                last.end = samples.min(last.end + pad);
            }
            break;
        };
        let silence = following - segments[next - 1].end;
        let pad = if silence < 2 * pad { silence / 2 } else { pad };
        segments[next - 1].end += pad;
        segments[next].start -= pad;
    }
    segments
}

fn unpadded(options: &SegmentOptions, probabilities: &[f32], samples: u64) -> Vec<Segment> {
    let negative = options.negative_threshold.unwrap_or((options.threshold - 0.15).max(0.01));
    let (min_speech, min_silence) =
        (u64::from(options.min_speech_ms) * 16, u64::from(options.min_silence_ms) * 16);
    let most = options
        .max_speech_ms
        .map_or(u64::MAX, |most| u64::from(most) * 16 - 512 - 2 * 16 * u64::from(options.pad_ms));
    let mut found = Vec::new();
    let (mut start, mut silence): (Option<u64>, Option<u64>) = (None, None);
    let mut silences: Vec<(u64, u64)> = Vec::new();
    for (number, probability) in probabilities.iter().enumerate() {
        let at = (number * FRAME) as u64;
        if *probability >= options.threshold {
            if let Some(begun) = silence.take().filter(|begun| at - begun > 98 * 16) {
                silences.push((begun, at));
            }
            if start.is_none() {
                start = Some(at);
                continue;
            }
        }
        let Some(mut begun) = start else { continue };
        if at - begun > most {
            let longest = silences.iter().rev().max_by_key(|(from, to)| to - from).copied();
            silences.clear();
            silence = None;
            let (end, next) = longest.map_or((at, None), |(from, to)| (from, Some(to)));
            found.push(Segment { start: begun, end });
            start = next;
            let Some(next) = next else { continue };
            begun = next;
        }
        if *probability < negative {
            let from = *silence.get_or_insert(at);
            if at - from >= min_silence {
                if from - begun > min_speech {
                    found.push(Segment { start: begun, end: from });
                }
                (start, silence) = (None, None);
                silences.clear();
            }
        }
    }
    if let Some(begun) = start.filter(|begun| samples - begun > min_speech) {
        found.push(Segment { start: begun, end: samples });
    }
    found
}

fn any_options() -> impl Strategy<Value = SegmentOptions> {
    let durations = (0u32..400, 0u32..600, 0u32..300);
    let maximum = prop::option::of(0u32..2000);
    (0.05f32..1.0, prop::option::of(0.1f32..1.0), durations, maximum).prop_map(
        |(threshold, negative, (min_speech_ms, min_silence_ms, pad_ms), maximum)| SegmentOptions {
            threshold,
            negative_threshold: negative.map(|share| share * threshold),
            min_speech_ms,
            min_silence_ms,
            pad_ms,
            max_speech_ms: maximum.map(|more| 2 * pad_ms + 33 + more),
        },
    )
}

fn walk() -> impl Strategy<Value = Vec<f32>> {
    let level = prop_oneof![Just(0.02f32), Just(0.98), Just(0.4), 0.0f32..1.0];
    prop::collection::vec((level, 1usize..12), 0..40).prop_map(|parts| {
        parts.into_iter().flat_map(|(level, count)| std::iter::repeat_n(level, count)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn segments_are_the_same_while_they_come_and_from_the_whole(
        options in any_options(),
        probabilities in walk(),
        cut in 0u64..512,
    ) {
        let samples = ((probabilities.len() * FRAME) as u64).saturating_sub(cut);
        let found = segments(&options, &probabilities, samples);
        prop_assert_eq!(&found, &whole(&options, &probabilities, samples));
        let mut before = 0;
        for segment in found {
            prop_assert!(before <= segment.start && segment.start <= segment.end);
            prop_assert!(segment.end <= samples);
            before = segment.end;
        }
    }

    #[test]
    fn a_segment_is_told_soon_after_its_end(options in any_options(), probabilities in walk()) {
        let (mut segmenter, mut found) = (Segmenter::new(&options).unwrap(), Vec::new());
        // Silence begins once more where a segment is cut in it.
        let quiet = options.pad_ms.max(options.min_silence_ms) / 8 + 8;
        for probability in probabilities.iter().copied().chain((0..quiet).map(|_| 0.0)) {
            segmenter.push(probability, &mut found);
        }
        let told = found.len();
        segmenter.finish(u64::MAX >> 1, &mut found);
        prop_assert_eq!(found.len(), told, "nothing is left to tell in silence");
    }
}
