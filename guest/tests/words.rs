//! Redaction by words and characters: whatever the tokenizer, names go whole and alone.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use pilotlight_guest::api::{Entity, Parameters, RedactRequest, Span};
use pilotlight_guest::pipeline::{Pipeline, Timings};
use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation as _;

mod tokenizer_kinds;
use tokenizer_kinds::{kind, kinds, redacted};

/// A name between other things, and what is to be left.
const NAMES: [(&str, &str); 22] = [
    ("I met Ada in Paris", "I met [PER] in Paris"),
    ("Dear Ada,\nThanks\nBob", "Dear [PER],\nThanks\nBob"),
    ("id,name\n1,Ada\n2,Bob", "id,name\n1,[PER]\n2,Bob"),
    ("7\tAda\t75001\n8\tBob\t00100", "7\t[PER]\t75001\n8\tBob\t00100"),
    ("met\u{a0}Ada\u{a0}met", "met\u{a0}[PER]\u{a0}met"),
    ("met\u{202f}Ada\u{202f}met", "met\u{202f}[PER]\u{202f}met"),
    ("met\u{3000}Ada\u{3000}met", "met\u{3000}[PER]\u{3000}met"),
    ("met\r\nAda\r\nmet", "met\r\n[PER]\r\nmet"),
    ("  Ada  ", "  [PER]  "),
    ("(Ada)", "([PER])"),
    ("\"Ada\"", "\"[PER]\""),
    ("Bob:Ada;Bob/Ada|Bob", "Bob:[PER];Bob/[PER]|Bob"),
    ("Bob.Ada.Bob", "Bob.[PER].Bob"),
    ("Bob-Ada-Bob", "Bob-[PER]-Bob"),
    ("Ada's", "[PER]'s"),
    ("Ada\u{2019}s book", "[PER]\u{2019}s book"),
    ("Ada… Ada! Ada?", "[PER]… [PER]! [PER]?"),
    ("Ada — Bob", "[PER] — Bob"),
    ("Ada\u{200d} met", "[PER] met"),
    ("Ada\u{301} met", "[PER] met"),
    ("漢Ada字", "漢[PER]字"),
    ("Ada😀", "[PER]😀"),
];

/// Whether the model finds each Ada, or a part of her, and nothing else.
fn finds_ada_alone(pipeline: &Pipeline, text: &str) -> bool {
    let parameters: Parameters =
        serde_json::from_value(serde_json::json!({"aggregation_strategy": "none"})).unwrap();
    let found = pipeline.classify(&[text], &parameters, &mut Timings::default()).unwrap();
    let place = |(offset, _): (usize, &str)| text[..offset].chars().count();
    let names: Vec<usize> = text.match_indices("Ada").map(place).collect();
    let overlaps = |entity: &Entity, name: usize| {
        entity.entity.as_deref() == Some("B-PER") && entity.start < name + 3 && name < entity.end
    };
    found[0].iter().all(|entity| names.iter().any(|name| overlaps(entity, *name)))
        && names.iter().all(|name| found[0].iter().any(|entity| overlaps(entity, *name)))
}

#[test]
fn a_name_is_replaced_whole_and_alone_whatever_parts_the_words() {
    for kind in kinds() {
        let pipeline = kind.pipeline();
        // Not every vocabulary knows the name without the space before it, and to some the
        // unknown is a place.
        let known = NAMES.into_iter().filter(|(text, _)| finds_ada_alone(&pipeline, text));
        let known: Vec<_> = known.collect();
        assert!(known.len() >= 2, "{}", kind.name);
        for (text, expected) in known {
            assert_eq!(redacted(&pipeline, text), expected, "{}: {text:?}", kind.name);
        }
    }
}

#[test]
fn no_part_of_a_name_stays_and_no_neighbour_goes_in_decomposed_text() {
    // Ada alone is marked in its vocabulary.
    let pipeline = kind("modernbert").pipeline();
    for (text, expected) in [
        ("met Adae\u{301}b in", "met [PER] in"),
        ("met Ada\u{fe0f} in", "met [PER] in"),
        ("met O'Ada in", "met [PER] in"),
        ("met Ada12 in", "met [PER] in"),
        ("met Ada\t\u{301}in", "met [PER]\t\u{301}in"),
    ] {
        assert_eq!(redacted(&pipeline, text), expected, "{text:?}");
    }
}

#[test]
fn given_spans_are_widened_to_whole_characters() {
    let pipeline = kind("modernbert").pipeline();
    for (text, start, end, expected) in [
        ("Jose\u{301} met", 0, 4, "[X] met"),
        ("a👩\u{200d}👩\u{200d}👧b", 1, 2, "a[X]b"),
        ("a❤\u{fe0f}b", 1, 2, "a[X]b"),
        ("🇫🇷🇩🇪", 1, 2, "[X]🇩🇪"),
        ("\u{1112}\u{1161}\u{11ab}글", 0, 1, "[X]글"),
        ("a\r\nb", 1, 2, "a[X]b"),
        // Not to words: who gives spans says what to replace.
        ("Adam met", 0, 3, "[X]m met"),
        (" Ada met", 0, 4, "[X] met"),
        ("+44 20", 0, 3, "[X] 20"),
    ] {
        let entities = Some(vec![Span { label: "X".into(), start, end, score: 1.0 }]);
        let request = RedactRequest { text: text.into(), entities, placeholder: None };
        let answer = pipeline.redact(request, &mut Timings::default()).unwrap();
        assert_eq!(answer.text, expected, "{text:?}");
    }
}

/// Checks that what is left of `text` is `text` without the entities, which are whole.
fn check(
    pipeline: &Pipeline,
    text: &str,
    entities: Option<Vec<Span>>,
) -> Result<(), TestCaseError> {
    let found = entities.is_none();
    let request = RedactRequest { text: text.into(), entities, placeholder: Some("\u{1}".into()) };
    let answer = pipeline.redact(request, &mut Timings::default()).unwrap();
    let chars: Vec<char> = text.chars().collect();
    let borders: Vec<usize> = text
        .grapheme_indices(true)
        .map(|(offset, _)| text[..offset].chars().count())
        .chain([chars.len()])
        .collect();
    let (mut expected, mut end) = (String::new(), 0);
    for entity in &answer.entities {
        prop_assert!(end <= entity.start && entity.start < entity.end);
        prop_assert!(borders.contains(&entity.start) && borders.contains(&entity.end));
        let word: String = chars[entity.start..entity.end].iter().collect();
        prop_assert_eq!(&word, &entity.word);
        if found {
            // A space with an accent is a character of its own.
            let mut characters = word.graphemes(true);
            let ends = [characters.next(), characters.next_back()];
            for end in ends.into_iter().flatten() {
                prop_assert!(!end.chars().all(char::is_whitespace), "{:?}", word);
            }
        }
        expected.extend(&chars[end..entity.start]);
        expected.push('\u{1}');
        end = entity.end;
    }
    expected.extend(&chars[end..]);
    prop_assert_eq!(answer.text, expected);
    Ok(())
}

const TEXTS: &str = "(Ada|Paris|Jose|a|s|[ \t\r\n\u{a0}.,:;'_-]|\u{301}|\u{fe0f}|\u{200d}|👩|🇫|漢|한|\
                     \u{1112}|\u{1161}|é|1|\\PC){0,16}";

proptest! {
    #[test]
    fn exactly_the_entities_are_replaced_and_they_are_whole(which in 0usize..10, text in TEXTS) {
        thread_local! {
            static PIPELINES: Vec<Pipeline> = kinds().iter().map(|kind| kind.pipeline()).collect();
        }
        PIPELINES.with(|pipelines| check(&pipelines[which % pipelines.len()], &text, None))?;
    }

    #[test]
    fn no_part_of_a_given_span_is_left(
        text in TEXTS,
        spans in proptest::collection::vec((0usize..20, 0usize..20), 0..4),
    ) {
        thread_local! {
            static PIPELINE: Pipeline = kind("modernbert").pipeline();
        }
        let length = text.chars().count();
        let spans = spans.iter().map(|(start, end)| {
            let (start, end) = ((*start).min(length), (*end).min(length));
            Span { label: "X".into(), start: start.min(end), end: end.max(start), score: 1.0 }
        });
        let spans: Vec<Span> = spans.collect();
        PIPELINE.with(|pipeline| check(pipeline, &text, Some(spans)))?;
    }
}
