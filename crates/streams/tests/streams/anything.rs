//! Any text in any chunks.

use pilotlight_recognizers::recognizers;
use pilotlight_streams::Form;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::kit::{CARD, MAIL, chunk, cut, events, joined, passed, stop, whole};

const PLANTED: [&str; 4] = [CARD, MAIL, "DE89 3704 0044 0532 0130 00", "AKIAIOSFODNN7EXAMPLE"];

fn text() -> impl Strategy<Value = String> {
    let examples: Vec<&'static str> =
        recognizers().flat_map(|row| row.examples.iter().copied()).collect();
    let piece = prop_oneof![
        4 => "[a-zA-Z0-9.!?。 \\n\"-]{0,40}",
        2 => prop::sample::select(examples).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => Just("-----BEGIN RSA PRIVATE KEY-----\n".to_owned()),
        1 => Just("x".repeat(300)),
    ];
    let text = prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat());
    text.prop_map(|text| text.replace("refuse", ""))
}

fn words_with_values() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[a-z]{1,9}[.!?]?",
        1 => prop::sample::select(PLANTED.to_vec()).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.join(" "))
}

/// A text in the contents of events.
fn in_events(text: &str, cuts: &[usize], event: impl Fn(&str) -> Value) -> Vec<Value> {
    let points: Vec<char> = text.chars().collect();
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (points.len() + 1)).collect();
    ends.sort_unstable();
    let mut from = 0;
    let ends = ends.into_iter().chain([points.len()]);
    ends.map(|end| {
        event(&points[std::mem::replace(&mut from, end)..end].iter().collect::<String>())
    })
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_stream_becomes_what_the_whole_text_becomes(
        text in text(),
        cuts in prop::collection::vec(any::<usize>(), 0..30),
    ) {
        let (out, result) = passed(Form::Text, cut(text.as_bytes(), &cuts));
        prop_assert_eq!(result, Ok(()));
        prop_assert_eq!(out, whole(&text));
    }

    #[test]
    fn contents_of_events_become_what_the_whole_text_becomes(
        text in text(),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
        byte_cuts in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        let expected = whole(&text);
        let mut openai = in_events(&text, &cuts, |part| chunk(json!({"content": part})));
        openai.push(stop());
        let (out, result) = passed(Form::Events, cut(events(&openai).as_bytes(), &byte_cuts));
        prop_assert_eq!(result, Ok(()));
        prop_assert_eq!(joined(&out, "/choices/0/delta/content"), expected.clone());

        let delta = |part: &str| json!({"type": "text_delta", "text": part});
        let anthropic = in_events(&text, &cuts, |part| {
            json!({"type": "content_block_delta", "index": 0, "delta": delta(part)})
        });
        let (out, result) = passed(Form::Events, cut(events(&anthropic).as_bytes(), &byte_cuts));
        prop_assert_eq!(result, Ok(()));
        prop_assert_eq!(joined(&out, "/delta/text"), expected);
    }

    #[test]
    fn no_value_passes(
        text in words_with_values(),
        cuts in prop::collection::vec(any::<usize>(), 0..40),
    ) {
        let (out, result) = passed(Form::Text, cut(text.as_bytes(), &cuts));
        prop_assert_eq!(result, Ok(()));
        for value in PLANTED {
            prop_assert!(!out.contains(value), "{}", out);
        }
    }

    #[test]
    fn any_bytes_end_or_pass(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        prefix in prop::sample::select(vec!["", "data: {\"choices\":", "data: {\"text\":\"a\"}\n\n"]),
        cuts in prop::collection::vec(any::<usize>(), 0..10),
    ) {
        let all = [prefix.as_bytes(), &bytes].concat();
        let (whole, result) = passed(Form::Events, [&all[..]]);
        let (chunked, again) = passed(Form::Events, cut(&all, &cuts));
        prop_assert_eq!(result.is_ok(), again.is_ok());
        if result.is_ok() {
            prop_assert_eq!(whole, chunked);
        }
    }
}
