//! Texts in chunks.

use pilotlight_recognizers::{Segments, recognizers};
use proptest::prelude::*;

fn whole(text: &str) -> Vec<String> {
    let mut segments = Segments::new();
    let mut all = segments.push(text);
    all.extend(segments.finish());
    all
}

fn chunked(text: &str, cuts: &[usize]) -> Vec<String> {
    let points: Vec<char> = text.chars().collect();
    let mut segments = Segments::new();
    let mut all = Vec::new();
    let mut from = 0;
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (points.len() + 1)).collect();
    ends.sort_unstable();
    for end in ends.into_iter().chain([points.len()]) {
        let chunk: String = points[from..end].iter().collect();
        all.extend(segments.push(&chunk));
        from = end;
    }
    all.extend(segments.finish());
    all
}

#[test]
fn sentences_are_segments() {
    let segments = whole("Hi there. How are you? \n\nFine, 3.5 of it! 好。好的");
    let expected = ["Hi there. ", "How are you? \n\n", "Fine, 3.5 of it! ", "好。", "好的"];
    assert_eq!(segments, expected);
}

#[test]
fn long_texts_are_cut_between_words_but_not_within_a_number() {
    let text = format!("{}DE89 3704 0044 0532 0130 00 {}", "word ".repeat(37), "word ".repeat(60));
    let segments = whole(&text);
    assert!(segments.iter().any(|segment| segment.contains("DE89 3704 0044 0532 0130 00")));
    assert!(segments.iter().all(|segment| segment.chars().count() <= 230), "{segments:?}");
}

#[test]
fn a_key_of_many_lines_is_one_segment() {
    let key = format!(
        "-----BEGIN PRIVATE KEY-----\n{}-----END PRIVATE KEY-----\n",
        "MIIE. x\n\n".repeat(90)
    );
    let segments = whole(&format!("It is: {key}Bye."));
    assert_eq!(segments, ["It is: ", &key, "Bye."]);
}

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
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn segments_do_not_depend_on_chunks(
        text in text(),
        cuts in prop::collection::vec(any::<usize>(), 0..40),
    ) {
        prop_assert_eq!(whole(&text), chunked(&text, &cuts));
    }

    #[test]
    fn segments_are_the_text(text in text()) {
        prop_assert_eq!(whole(&text).concat(), text.clone());
        let letters: Vec<usize> = (0..text.chars().count()).collect();
        prop_assert_eq!(chunked(&text, &letters), whole(&text));
    }
}
