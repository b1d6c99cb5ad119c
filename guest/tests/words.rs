//! Redaction by words and characters: whatever the tokenizer, names go whole and alone.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::collections::BTreeSet;

use pilotlight_guest::model::{TextModel, Usage};
use pilotlight_guest::tasks::token_classification::{RedactRequest, Span};
use pilotlight_guest::text::Token;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use unicode_segmentation::UnicodeSegmentation as _;

mod exact;
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

/// A model that finds a piece of each Ada, and nothing else: tokens that stand for her alone, or for
/// her and white space. `None` where the tokenizer has none such, or has it elsewhere in the text, too.
fn finding_ada(kind: &Kind, text: &str) -> Option<TextModel> {
    let chars: Vec<char> = text.chars().collect();
    let place = |(offset, _): (usize, &str)| text[..offset].chars().count();
    let names: Vec<usize> = text.match_indices("Ada").map(place).collect();
    let tokens = kind.load().encode(text).unwrap();
    let is_hers = |token: &Token, name: usize| {
        let mut points = token.start..token.end;
        token.start < name + 3
            && name < token.end
            && points.all(|at| (name..name + 3).contains(&at) || chars[at].is_whitespace())
    };
    let (hers, others): (Vec<_>, Vec<_>) =
        tokens.iter().partition(|token| names.iter().any(|name| is_hers(token, *name)));
    let others: BTreeSet<u32> = others.iter().map(|token| token.id).collect();
    let hers: Vec<_> = hers.into_iter().filter(|token| !others.contains(&token.id)).collect();
    let finds_all = names.iter().all(|name| hers.iter().any(|token| is_hers(token, *name)));
    let marked = hers.iter().map(|token| (i64::from(token.id), 1)).collect();
    finds_all.then(|| kind.marking(marked).pipeline())
}

/// Texts in which a tokenizer has no tokens for Ada alone: to it she is a part of a longer one, or unknown.
const WITHOUT_HER: [(&str, &[&str]); 3] = [
    ("wordpiece", &["Ada😀"]),
    ("wordlevel", &["Ada\u{200d} met", "Ada\u{301} met", "漢Ada字"]),
    ("added", &["Ada😀"]),
];

#[test]
fn a_name_is_replaced_whole_and_alone_whatever_parts_the_words() {
    for kind in kinds() {
        let without = WITHOUT_HER.iter().find(|(name, _)| *name == kind.name);
        let without = without.map_or(&[][..], |(_, texts)| *texts);
        for (text, expected) in NAMES {
            let model = finding_ada(&kind, text);
            assert_eq!(model.is_none(), without.contains(&text), "{}: {text:?}", kind.name);
            let Some(model) = model else { continue };
            assert_eq!(redacted(&model, text), expected, "{}: {text:?}", kind.name);
            exact::check(&model, text, None);
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

/// The model of a kind, and some that label many tokens, as beginnings and as what follows.
fn models(kind: &Kind) -> Vec<TextModel> {
    let vocabulary = i64::try_from(kind.load().vocabulary()).unwrap();
    let labeled = (1..4).map(|seed: i64| {
        let label = |id: i64| match (id * 31 + seed * 67) % 8 {
            0 | 1 => 1,
            2 | 3 => 2,
            4 => 3,
            _ => 0,
        };
        kind.marking((0..vocabulary).map(|id| (id, label(id))).collect()).pipeline()
    });
    labeled.chain([kind.pipeline()]).collect()
}

const TEXTS: &str = "(Ada|Paris|Jose|a|s|ส|ม|く|[ \t\r\n\u{a0}\u{202f}.,:;'_-]|\u{301}|\u{fe0f}|\u{200d}|👩|🇫|漢|한|\
                     \u{1112}|\u{1161}|é|1|\\PC){0,16}";

proptest! {
    #[test]
    fn exactly_the_entities_are_replaced_and_they_are_whole(
        which in any::<prop::sample::Index>(),
        text in TEXTS,
    ) {
        thread_local! {
            static MODELS: Vec<TextModel> = kinds().iter().flat_map(models).collect();
        }
        MODELS.with(|models| exact::check(which.get(models), &text, None));
    }

    #[test]
    fn exactly_the_characters_of_given_spans_are_replaced(
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
        PIPELINE.with(|pipeline| exact::check(pipeline, &text, Some(&spans)));
    }
}
