//! Any text, any spans, any tokens.

use std::collections::BTreeSet;

use pilotlight_deidentify::{
    Cipher, Deidentifier, DeidentifyOptions, Entity, Mode, StreamReidentifier,
};
use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation as _;

use super::{RING, deidentifier, encryption, options, token};

const LABELS: [&str; 3] = ["NAME", "first name", "电话"];

/// Texts of any code points, with many of those that tokens are made of.
fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => any::<String>(),
        2 => "[\\[\\]:a-zA-Z0-9_-]{0,40}",
        1 => "\\[[A-Z]{1,3}:k[12]:[A-Za-z0-9_-]{30,70}\\]?",
        1 => "\\[A:k2:[0-9a-f]{32}\\]",
        1 => "[e\u{301}\u{1f468}\u{200d}\u{202e}\u{0}\r\n]{0,8}",
    ];
    prop::collection::vec(part, 0..4).prop_map(|parts| parts.concat())
}

/// A text and places in it, in order, between grapheme clusters.
fn text_and_spans() -> impl Strategy<Value = (String, Vec<(usize, usize)>)> {
    text_and_any_spans().prop_map(|(text, spans)| {
        let borders = borders(&text);
        let place = |place: usize| borders[borders.partition_point(|border| *border < place)];
        let whole = spans.into_iter().map(|(start, end)| (place(start), place(end)));
        let whole = whole.filter(|(start, end)| start < end).collect();
        (text, whole)
    })
}

/// Where grapheme clusters of a text begin, and where the last one ends, in code points.
fn borders(text: &str) -> Vec<usize> {
    let lengths = text.graphemes(true).map(|cluster| cluster.chars().count());
    let ends = lengths.scan(0, |end, length| {
        *end += length;
        Some(*end)
    });
    std::iter::once(0).chain(ends).collect()
}

/// A text and places in it, in order.
fn text_and_any_spans() -> impl Strategy<Value = (String, Vec<(usize, usize)>)> {
    (text(), prop::collection::vec(any::<prop::sample::Index>(), 0..12)).prop_map(|(text, cuts)| {
        let length = text.chars().count() + 1;
        let cuts: BTreeSet<usize> = cuts.iter().map(|cut| cut.index(length)).collect();
        let cuts: Vec<usize> = cuts.into_iter().collect();
        (text, cuts.chunks_exact(2).map(|cut| (cut[0], cut[1])).collect())
    })
}

fn entities(spans: &[(usize, usize)]) -> Vec<Entity<'static>> {
    let labels = LABELS.iter().cycle();
    let entity = |((start, end), label): (&(usize, usize), &&'static str)| Entity {
        label,
        score: 0.5,
        start: *start,
        end: *end,
    };
    spans.iter().zip(labels).map(entity).collect()
}

fn deidentifications() -> [Deidentifier; 4] {
    [
        deidentifier(Mode::Redact, &RING),
        deidentifier(Mode::Pseudonymize, &RING),
        encryption(Cipher::Aes256Gcm, &RING),
        encryption(Cipher::Sm4Gcm, &RING),
    ]
}

fn slice(text: &str, start: usize, end: usize) -> String {
    text.chars().skip(start).take(end - start).collect()
}

proptest! {
    #[test]
    fn a_text_in_chunks_is_re_identified_like_the_whole(
        (text, spans) in text_and_spans(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..9),
    ) {
        let encrypted = encryption(Cipher::Aes256Gcm, &RING);
        let text = encrypted.deidentify(&text, &entities(&spans)).unwrap().text;
        let points: Vec<char> = text.chars().collect();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(points.len() + 1)).collect();
        ends.sort_unstable();
        let (mut restoring, mut restored, mut from) = (StreamReidentifier::default(), String::new(), 0);
        for end in ends.into_iter().chain([points.len()]) {
            let chunk: String = points[from..end].iter().collect();
            restored.push_str(&restoring.push(&chunk, &RING));
            from = end;
        }
        restored.push_str(&restoring.finish(&RING));
        prop_assert_eq!(restored, RING.reidentify(&text).text);
    }

    #[test]
    fn what_was_encrypted_comes_back((text, spans) in text_and_spans()) {
        for cipher in Cipher::ALL {
            let deidentified = encryption(cipher, &RING).deidentify(&text, &entities(&spans)).unwrap();
            let reidentified = RING.reidentify(&deidentified.text);
            prop_assert_eq!(&reidentified.text, &text);
            prop_assert_eq!(reidentified.reidentified, spans.len());
        }
    }

    #[test]
    fn what_lies_between_spans_stays_and_spans_tell_where_all_is((text, spans) in text_and_spans()) {
        for deidentifier in deidentifications() {
            let deidentified = deidentifier.deidentify(&text, &entities(&spans)).unwrap();
            prop_assert_eq!(deidentified.spans.len(), spans.len());
            let (mut before, mut was) = (0, 0);
            for (span, (start, end)) in deidentified.spans.iter().zip(&spans) {
                prop_assert_eq!(&span.original, &(*start..*end));
                prop_assert_eq!(slice(&deidentified.text, before, span.start), slice(&text, was, *start));
                let token = slice(&deidentified.text, span.start, span.end);
                let head = format!("[{}", span.label);
                prop_assert!(token.starts_with(&head) && token.ends_with(']'));
                (before, was) = (span.end, *end);
            }
            let rest = slice(&deidentified.text, before, usize::MAX);
            prop_assert_eq!(rest, slice(&text, was, usize::MAX));
        }
    }

    #[test]
    fn no_accent_stays_of_what_is_replaced((text, spans) in text_and_any_spans()) {
        let borders = borders(&text);
        let clusters = text.graphemes(true).zip(borders.windows(2));
        let left = clusters.map(|(cluster, border)| {
            let meets = |(start, end): &&(usize, usize)| *start < border[1] && border[0] < *end;
            let begins_here = |(start, _): &(usize, usize)| *start >= border[0];
            let met: Vec<_> = spans.iter().filter(meets).collect();
            match met.is_empty() {
                true => cluster,
                false if met.into_iter().all(begins_here) => "\u{1}",
                false => "",
            }
        });
        let expected: String = left.collect();
        let options = DeidentifyOptions {
            placeholder: Some("\u{1}".to_owned()),
            ..options(Mode::Redact)
        };
        let deidentified =
            Deidentifier::new(&options, None).unwrap().deidentify(&text, &entities(&spans)).unwrap();
        prop_assert_eq!(deidentified.text, expected);
    }

    #[test]
    fn equal_values_of_a_label_have_equal_pseudonyms(one in ".{1,3}", other in ".{1,3}") {
        let deidentifier = deidentifier(Mode::Pseudonymize, &RING);
        let [first, again, second] =
            [&one, &one, &other].map(|value| token(&deidentifier, "NAME", value));
        prop_assert_eq!(&first, &again);
        if one.is_ascii() && other.is_ascii() {
            prop_assert_eq!(first == second, one == other);
        }
    }

    #[test]
    fn any_entities_are_protected_or_refused(
        text in text(),
        spans in prop::collection::vec((0usize..30, 0usize..30), 0..5),
        label in any::<String>(),
    ) {
        let length = text.chars().count();
        let entity = |(start, end)| Entity { label: &label, score: f32::NAN, start, end };
        let list: Vec<Entity<'_>> = spans.iter().copied().map(entity).collect();
        let fit = spans.iter().all(|(start, end)| start < end && *end <= length)
            && spans.windows(2).all(|pair| pair[0].1 <= pair[1].0);
        prop_assert_eq!(deidentifier(Mode::Redact, &RING).deidentify(&text, &list).is_ok(), fit);
        for deidentifier in deidentifications() {
            if let Ok(deidentified) = deidentifier.deidentify(&text, &list) {
                prop_assert!(fit);
                prop_assert!(deidentified.spans.len() <= spans.len());
            }
        }
    }

    #[test]
    fn any_text_can_be_restored(text in text()) {
        let reidentified = RING.reidentify(&text);
        prop_assert_eq!(&reidentified.text, &text);
        prop_assert_eq!(reidentified.reidentified, 0);
        for left in reidentified.left {
            let token = slice(&text, left.start, left.end);
            prop_assert!(token.starts_with('[') && token.ends_with(']'));
            let named = format!(":{}:", left.key);
            prop_assert!(token.contains(&named));
        }
    }

    #[test]
    fn a_token_in_which_anything_was_changed_stays(
        value in ".{1,20}",
        place in any::<prop::sample::Index>(),
        other in any::<char>(),
        sm4 in any::<bool>(),
    ) {
        let cipher = if sm4 { Cipher::Sm4Gcm } else { Cipher::Aes256Gcm };
        let mut token: Vec<char> = token(&encryption(cipher, &RING), "NAME", &value).chars().collect();
        let place = place.index(token.len());
        prop_assume!(token[place] != other);
        token[place] = other;
        let damaged: String = token.into_iter().collect();
        let reidentified = RING.reidentify(&damaged);
        prop_assert_eq!((reidentified.text, reidentified.reidentified), (damaged, 0));
    }
}
