//! Redaction by words and characters: whatever the tokenizer, names go whole and alone.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::collections::BTreeSet;

use pilotlight_guest::model::{TextModel, Usage};
use pilotlight_guest::tasks::token_classification::{Entity, Parameters, RedactRequest, Span};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use unicode_segmentation::UnicodeSegmentation as _;

mod oracle;
mod tokenizer_kinds;
use tokenizer_kinds::{Kind, kind, kinds, redacted};

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
fn finds_ada_alone(pipeline: &TextModel, text: &str) -> bool {
    let parameters: Parameters =
        serde_json::from_value(serde_json::json!({"aggregation_strategy": "none"})).unwrap();
    let found = pipeline.classify(&[text], &parameters, &mut Usage::default()).unwrap();
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
fn no_part_of_a_name_stays_and_no_neighbor_goes_in_decomposed_text() {
    // Ada alone is marked in its vocabulary.
    let pipeline = kind("modernbert").pipeline();
    for (text, expected) in [
        ("met Adae\u{301}b in", "met [PER] in"),
        ("met Ada\u{fe0f} in", "met [PER] in"),
        ("met O'Ada in", "met [PER] in"),
        ("met Ada12 in", "met [PER] in"),
        ("met Ada\t\u{301}in", "met [PER]\t\u{301}in"),
        ("met\u{202f}\u{301}Ada's in", "met\u{202f}\u{301}[PER]'s in"),
        ("met \u{301}Ada \u{301}in", "met \u{301}[PER] \u{301}in"),
        ("Bob:\u{301}Ada:\u{301}Bob", "Bob:\u{301}[PER]:\u{301}Bob"),
    ] {
        assert_eq!(redacted(&pipeline, text), expected, "{text:?}");
    }
}

/// Names in scripts that Unicode cuts between all letters.
const UNPARTED: [&str; 8] =
    ["สมชาย", "ສົມພອນ", "អ៊ូស៊ូ", "အောင်", "さくら", "サくラ", "佐々木", "田\u{e0100}中"];

/// A tokenizer that has a piece for each letter, the first of a name marked as one.
fn letter_by_letter(model: &str, pre_tokenizer: &Value, han: bool) -> TextModel {
    let names = UNPARTED.concat();
    let [mark, space] = if model == "WordPiece" { ["##", ""] } else { ["", "▁"] };
    let mut pieces = vec!["[UNK]".to_owned(), "▁".into()];
    pieces.extend(
        UNPARTED.iter().filter_map(|name| Some(format!("{space}{}", name.chars().next()?))),
    );
    let first = 2..pieces.len() as i64;
    let letters = names.chars().chain('a'..='z').chain(['B', '、']);
    pieces.extend(letters.flat_map(|letter| [format!("{mark}{letter}"), letter.to_string()]));
    let mut known = BTreeSet::new();
    pieces.retain(|piece| known.insert(piece.clone()));
    let vocabulary: Value = match model {
        "Unigram" => pieces.iter().map(|piece| json!([piece, -(piece.len() as f64)])).collect(),
        _ => (0..)
            .zip(&pieces)
            .map(|(id, piece)| (piece.clone(), json!(id)))
            .collect::<Map<_, _>>()
            .into(),
    };
    let mut tokenizer = json!({
        "version": "1.0", "added_tokens": [], "post_processor": null, "decoder": null,
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": han,
            "strip_accents": false, "lowercase": false},
        "pre_tokenizer": pre_tokenizer,
        "model": {"type": model, "vocab": vocabulary, "merges": [], "unk_token": "[UNK]", "unk_id": 0,
            "continuing_subword_prefix": mark, "max_input_chars_per_word": 100},
    });
    if model == "Unigram" {
        tokenizer["normalizer"] = Value::Null;
    }
    let marked = first.map(|id| (id, 1)).collect();
    Kind { name: model.into(), tokenizer, marked, cases: Vec::new() }.pipeline()
}

#[test]
fn a_word_of_the_tokenizer_goes_whole_where_unicode_has_no_words() {
    let bert = json!({"type": "BertPreTokenizer"});
    for han in [true, false] {
        let pipeline = letter_by_letter("WordPiece", &bert, han);
        for name in UNPARTED {
            // Where the tokenizer makes each character a word, the model speaks of each.
            let expected = match name {
                "佐々木" if han => "Bc [PER]々木 de, [PER]",
                "田\u{e0100}中" if han => "Bc [PER]中 de, [PER]",
                _ => "Bc [PER] de, [PER]",
            };
            let first: String = name.graphemes(true).take(1).collect();
            let text = format!("Bc {name} de, {first}");
            assert_eq!(redacted(&pipeline, &text), expected, "{name} {han}");
        }
        for (text, expected) in [
            ("สมชายde", "[PER]de"),
            ("สมชาย\u{200b}ชาย", "[PER]\u{200b}ชาย"),
            ("さくら、くら", "[PER]、くら"),
        ] {
            assert_eq!(redacted(&pipeline, text), expected, "{text} {han}");
        }
    }
}

#[test]
fn a_sentence_without_spaces_does_not_go_for_the_name_in_it() {
    // A word of this tokenizer is all between two spaces.
    let metaspace = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"});
    let pipeline = letter_by_letter("Unigram", &metaspace, true);
    assert_eq!(redacted(&pipeline, "Bc さくら de"), "Bc [PER]くら de");
    assert_eq!(redacted(&pipeline, "さくら"), "[PER]くら");
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
        let request =
            RedactRequest { text: text.into(), entities, placeholder: None, explain: false };
        let answer = pipeline.redact(request, &mut Usage::default()).unwrap();
        assert_eq!(answer.text, expected, "{text:?}");
    }
}

/// Checks that what is left of `text` is `text` without the entities, which are whole.
fn check(
    pipeline: &TextModel,
    text: &str,
    entities: Option<Vec<Span>>,
) -> Result<(), TestCaseError> {
    let found = entities.is_none();
    let request = RedactRequest {
        text: text.into(),
        entities,
        placeholder: Some("\u{1}".into()),
        explain: false,
    };
    let answer = pipeline.redact(request, &mut Usage::default()).unwrap();
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
            // A space with an accent is a space.
            let mut characters = word.graphemes(true);
            let ends = [characters.next(), characters.next_back()];
            for end in ends.into_iter().flatten() {
                prop_assert!(!end.starts_with(char::is_whitespace), "{:?}", word);
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

const TEXTS: &str = "(Ada|Paris|Jose|a|s|ส|ม|く|[ \t\r\n\u{a0}\u{202f}.,:;'_-]|\u{301}|\u{fe0f}|\u{200d}|👩|🇫|漢|한|\
                     \u{1112}|\u{1161}|é|1|\\PC){0,16}";

proptest! {
    #[test]
    fn exactly_the_entities_are_replaced_and_they_are_whole(which in 0usize..10, text in TEXTS) {
        thread_local! {
            static PIPELINES: Vec<TextModel> = kinds().iter().map(|kind| kind.pipeline()).collect();
        }
        PIPELINES.with(|pipelines| check(&pipelines[which % pipelines.len()], &text, None))?;
    }

    #[test]
    fn no_part_of_a_given_span_is_left(
        text in TEXTS,
        spans in proptest::collection::vec((0usize..20, 0usize..20), 0..4),
    ) {
        thread_local! {
            static PIPELINE: TextModel = kind("modernbert").pipeline();
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
