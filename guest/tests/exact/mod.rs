//! What redaction has to replace in a text, from nothing but the labels of its tokens or the spans of
//! the caller.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, reason = "for tests")]

use std::collections::BTreeSet;
use std::ops::Range;

use pilotlight_guest::model::{TextModel, Usage};
use pilotlight_guest::tasks::token_classification::{
    Aggregation, Entity, Parameters, RedactRequest, Redacted, Span,
};
use pilotlight_guest::text::Words;
use unicode_segmentation::UnicodeSegmentation as _;

const PLACEHOLDER: &str = "\u{1}";

/// Redacts a text, `given` spans or what the model finds, and checks that exactly what has to go is
/// replaced.
///
/// # Panics
/// If a part of an entity is left, a neighbor is gone, or the answer does not hold together.
pub fn check(model: &TextModel, text: &str, given: Option<&[Span]>) {
    let request = RedactRequest {
        text: text.to_owned(),
        entities: given.map(<[Span]>::to_vec),
        placeholder: Some(PLACEHOLDER.to_owned()),
        explain: false,
    };
    let redacted = model.redact(request, &mut Usage::default()).unwrap();
    let replaced = replaced(text, &redacted);
    let Expected { must, may } = match given {
        Some(spans) => Expected::given(text, spans),
        None => Expected::found(model, text),
    };
    let Redacted { text: left, entities } = redacted;
    for (place, replaced) in replaced.iter().enumerate() {
        assert!(*replaced || !must[place], "{place} of {text:?} is left in {left:?}");
        assert!(!replaced || may[place], "{place} of {text:?} is gone from {left:?}");
    }
    if given.is_none() {
        entities.iter().for_each(|entity| has_no_space_at_its_ends(&entity.word));
    }
}

/// Which code points are replaced, in an answer that holds together: entities are in order and whole
/// grapheme clusters, and the text is what lies between them.
fn replaced(text: &str, redacted: &Redacted) -> Vec<bool> {
    let chars: Vec<char> = text.chars().collect();
    let borders: BTreeSet<usize> =
        clusters(text).iter().map(|(cluster, _)| cluster.start).chain([chars.len()]).collect();
    let mut replaced = vec![false; chars.len()];
    let (mut expected, mut end) = (String::new(), 0);
    for entity in &redacted.entities {
        assert!(end <= entity.start && entity.start < entity.end, "{entity:?}");
        let is_whole = borders.contains(&entity.start) && borders.contains(&entity.end);
        assert!(is_whole, "{entity:?} in {text:?}");
        assert_eq!(chars[entity.start..entity.end].iter().collect::<String>(), entity.word);
        expected.extend(&chars[end..entity.start]);
        expected.push_str(PLACEHOLDER);
        replaced[entity.start..entity.end].fill(true);
        end = entity.end;
    }
    expected.extend(&chars[end..]);
    assert_eq!(redacted.text, expected);
    replaced
}

/// A space with an accent is a space.
fn has_no_space_at_its_ends(word: &str) {
    let mut clusters = word.graphemes(true);
    for end in [clusters.next(), clusters.next_back()].into_iter().flatten() {
        assert!(!end.starts_with(char::is_whitespace), "{word:?}");
    }
}

/// For each code point of a text: whether it has to be replaced, and whether it may be.
struct Expected {
    must: Vec<bool>,
    may: Vec<bool>,
}

impl Expected {
    /// The grapheme clusters of spans.
    fn given(text: &str, spans: &[Span]) -> Self {
        let mut must = vec![false; text.chars().count()];
        for (cluster, _) in clusters(text) {
            let meets = |span: &Span| span.start < cluster.end && cluster.start < span.end;
            let is_meant = spans.iter().any(|span| span.start < span.end && meets(span));
            must[cluster].fill(is_meant);
        }
        Self { may: must.clone(), must }
    }

    /// All of a labeled token that is not blank has to be replaced; what may be is the words around
    /// it, and the gap between two tokens of an entity.
    fn found(model: &TextModel, text: &str) -> Self {
        let aggregation_strategy = Aggregation::None;
        let parameters = Parameters { aggregation_strategy, ..Parameters::default() };
        let found = model.classify(&[text], &parameters, &mut Usage::default()).unwrap().remove(0);
        let length = text.chars().count();
        let mut expected = Self { must: vec![false; length], may: vec![false; length] };
        let words = words(text, model.tokenizer.words());
        for token in &found {
            expected.must[token.start..token.end].fill(true);
            let words = words.iter().filter(|word| meets(word, token));
            words.for_each(|word| expected.may[word.clone()].fill(true));
        }
        for (cluster, _) in clusters(text).into_iter().filter(|(_, is_blank)| *is_blank) {
            expected.must[cluster].fill(false);
        }
        for (last, next) in found.iter().zip(found.iter().skip(1)) {
            if goes_on(last, next) && last.end < next.start {
                expected.may[last.end..next.start].fill(true);
            }
        }
        expected
    }
}

/// Whether a word is one of those around a token. A token of nothing is in the word around its place.
fn meets(word: &Range<usize>, token: &Entity) -> bool {
    match token.start < token.end {
        true => word.start < token.end && token.start < word.end,
        false => word.start < token.start && token.start < word.end,
    }
}

/// Whether a token follows another one of the same entity.
fn goes_on(last: &Entity, next: &Entity) -> bool {
    let label = |entity: &Entity| entity.entity.clone().unwrap_or_default();
    let group = |entity: &Entity| label(entity).chars().skip(2).collect::<String>();
    next.index == last.index.map(|index| index + 1)
        && label(next).starts_with("I-")
        && group(last) == group(next)
}

/// The words of Unicode (UAX #29) of whole grapheme clusters, in code points. Where a tokenizer has
/// words of its own, letters that are not ASCII may make one with their neighbors: the standard cuts
/// Thai, Hiragana and Han between all letters.
fn words(text: &str, words: Words) -> Vec<Range<usize>> {
    let borders: BTreeSet<usize> = text.grapheme_indices(true).map(|(offset, _)| offset).collect();
    let is_letter = |c: char| c.is_alphabetic() && !c.is_ascii();
    let within_letters = |offset: usize| {
        let (before, after) = text.split_at(offset);
        let last = before.graphemes(true).next_back();
        after.starts_with(is_letter) && last.is_some_and(|last| last.starts_with(is_letter))
    };
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (offset, word) in text.split_word_bound_indices() {
        let length = word.chars().count();
        let begins =
            borders.contains(&offset) && !(words == Words::Parted && within_letters(offset));
        match ranges.last_mut() {
            Some(last) if !begins => last.end += length,
            last => {
                let start = last.map_or(0, |last| last.end);
                ranges.push(start..start + length);
            }
        }
    }
    ranges
}

/// Grapheme clusters in code points, and whether each is white space.
fn clusters(text: &str) -> Vec<(Range<usize>, bool)> {
    let mut end = 0;
    let cluster = |cluster: &str| {
        let start = end;
        end += cluster.chars().count();
        (start..end, cluster.starts_with(char::is_whitespace))
    };
    text.graphemes(true).map(cluster).collect()
}
