//! Words and characters as readers see them: where a text may be cut.
//!
//! Words are those of Unicode (UAX #29), not the tokenizer's: many tokenizers have none, or take
//! the space before a word and the comma after it along. Where the standard leaves it to the
//! application, words end at punctuation that parts them as often as it joins them: `Ada:Bob`,
//! `Ada.Bob` and `7,Ada` are several words, `O'Brien` and `3.14` are one.
//!
//! The standard cuts Thai, Hiragana, Han and the like between all letters. There words end where the
//! tokenizer's own do, or, where those end at white space only and may be sentences, its tokens.

use std::collections::BTreeSet;

use unicode_segmentation::UnicodeSegmentation as _;

use super::tokenizer::{Token, Words};

/// The places where a text may be cut, in code points, both ends included.
pub struct Cuts {
    places: Vec<usize>,
    /// For each place but the last, whether only white space comes before the next one.
    blank: Vec<bool>,
}

impl Cuts {
    /// Between grapheme clusters: an emoji with its modifiers, a letter with its accents.
    pub fn between_graphemes(text: &str) -> Self {
        Self::at(text, text.grapheme_indices(true).map(|(offset, _)| offset))
    }

    /// Between words, and never within a grapheme cluster. `tokens` are those of `text`: at a
    /// connector such as `_` words end where the tokenizer's own do.
    pub fn between_words(text: &str, tokens: &[Token], words: Words) -> Self {
        let graphemes: Vec<usize> = text.grapheme_indices(true).map(|(offset, _)| offset).collect();
        let own = own_borders(text, tokens);
        let mut cuts = BTreeSet::new();
        for (offset, word) in text.split_word_bound_indices() {
            let whole = words == Words::Parted && !own.contains(&offset);
            if graphemes.binary_search(&offset).is_ok() && !(whole && within_letters(text, offset))
            {
                cuts.insert(offset);
            }
            let inner = inner_cuts(word).into_iter();
            let inner = inner.filter(|inner| inner.always || own.contains(&(offset + inner.at)));
            // Accents stay with what they stand on.
            let after_cluster = |at: usize| graphemes.partition_point(|start| *start < at);
            cuts.extend(inner.filter_map(|inner| graphemes.get(after_cluster(offset + inner.at))));
        }
        Self::at(text, cuts.into_iter())
    }

    /// `cuts` are ascending byte offsets that begin with 0, unless the text is empty.
    fn at(text: &str, cuts: impl Iterator<Item = usize>) -> Self {
        let (mut places, mut blank) = (vec![0], Vec::new());
        let (mut offset, mut place) = (0, 0);
        for next in cuts.chain([text.len()]).filter(|next| *next > 0) {
            let piece = &text[offset..next];
            place += piece.chars().count();
            places.push(place);
            // A space with an accent is a space.
            blank.push(
                piece.graphemes(true).all(|cluster| cluster.starts_with(char::is_whitespace)),
            );
            offset = next;
        }
        Self { places, blank }
    }

    /// Widens a stretch to the cuts around it.
    pub fn widen(&self, start: usize, end: usize) -> (usize, usize) {
        let (first, last) = self.around(start, end);
        (self.places[first], self.places[last])
    }

    /// Widens a stretch to the cuts around it, and leaves out white space at its ends. `None` where
    /// nothing is left.
    pub fn widen_and_trim(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        let (first, last) = self.around(start, end);
        let mut pieces = first..last;
        while pieces.start < pieces.end && self.blank[pieces.start] {
            pieces.start += 1;
        }
        while pieces.start < pieces.end && self.blank[pieces.end - 1] {
            pieces.end -= 1;
        }
        let (start, end) = (self.places[pieces.start], self.places[pieces.end]);
        (start < end).then_some((start, end))
    }

    /// Indices of the last cut before a stretch and the first one after it.
    fn around(&self, start: usize, end: usize) -> (usize, usize) {
        let first = self.places.partition_point(|place| *place <= start).saturating_sub(1);
        let last = self.places.partition_point(|place| *place < end).min(self.places.len() - 1);
        (first, last.max(first))
    }
}

/// Byte offsets at which a word of the tokenizer's own ends or begins.
fn own_borders(text: &str, tokens: &[Token]) -> BTreeSet<usize> {
    let pairs = tokens.iter().zip(tokens.iter().skip(1));
    let apart = pairs.filter(|(last, next)| last.word != next.word);
    let places: BTreeSet<usize> = apart.flat_map(|(last, next)| [last.end, next.start]).collect();
    let offsets = text.char_indices().enumerate();
    offsets.filter(|(place, _)| places.contains(place)).map(|(_, (offset, _))| offset).collect()
}

/// Whether the letters around `offset` are of scripts that UAX #29 cuts between all letters.
fn within_letters(text: &str, offset: usize) -> bool {
    let is_unparted = |c: char| {
        c.is_alphabetic() && UNPARTED.iter().any(|(first, last)| (*first..=*last).contains(&c))
    };
    let (before, after) = text.split_at(offset);
    after.starts_with(is_unparted)
        && before.graphemes(true).next_back().is_some_and(|last| last.starts_with(is_unparted))
}

/// Line_Break=SA, Kana and ideographs; the letters among them.
const UNPARTED: [(char, char); 17] = [
    // Thai, Lao, Myanmar, Khmer, Tai Le, New Tai Lue, Tai Tham.
    ('\u{e00}', '\u{eff}'),
    ('\u{1000}', '\u{109f}'),
    ('\u{1780}', '\u{17ff}'),
    ('\u{1950}', '\u{19df}'),
    ('\u{1a20}', '\u{1aaf}'),
    // Iteration marks and numbers like ideographs, Kana, Han.
    ('\u{3005}', '\u{3007}'),
    ('\u{3021}', '\u{30ff}'),
    ('\u{31f0}', '\u{31ff}'),
    ('\u{3400}', '\u{9fff}'),
    // Myanmar, Tai Viet.
    ('\u{a9e0}', '\u{a9ff}'),
    ('\u{aa60}', '\u{aadf}'),
    ('\u{f900}', '\u{faff}'),
    ('\u{ff66}', '\u{ff9f}'),
    // Ahom, Myanmar; Tangut, Khitan, Kana, Nushu; Han.
    ('\u{11700}', '\u{1174f}'),
    ('\u{116d0}', '\u{116ff}'),
    ('\u{16fe0}', '\u{1b2ff}'),
    ('\u{20000}', '\u{3ffff}'),
];

/// A place within a word of Unicode at which it ends all the same.
#[derive(Clone, Copy)]
struct Inner {
    at: usize,
    /// Whatever the tokenizer says.
    always: bool,
}

/// Places in a word of Unicode around punctuation that does not join.
fn inner_cuts(word: &str) -> Vec<Inner> {
    let mut cuts = Vec::new();
    let mut before = None;
    for (at, c) in word.char_indices() {
        let after = &word[at + c.len_utf8()..];
        let kind = match c {
            ':' | ',' | ';' | '\u{ff1a}' | '\u{ff0c}' | '\u{ff1b}' => Some(true),
            // U+202F is a space to readers and a connector to Unicode; an accent joins a tab.
            c if c.is_whitespace() => Some(true),
            '.' | '\u{2024}' | '\u{fe52}' | '\u{ff0e}' => {
                let digits = before.is_some_and(char::is_numeric)
                    && after.chars().next().is_some_and(char::is_numeric);
                (!digits).then_some(true)
            }
            '_' | '\u{203f}' | '\u{2040}' | '\u{ff3f}' => Some(false),
            '\'' | '\u{2018}' | '\u{2019}' | '\u{ff07}' => {
                // "Ada's", but not "O'Sullivan".
                if matches!(after, "s" | "S") {
                    cuts.push(Inner { at, always: true });
                }
                None
            }
            _ => None,
        };
        if let Some(always) = kind {
            cuts.push(Inner { at, always });
            cuts.push(Inner { at: at + c.len_utf8(), always });
        }
        before = Some(c);
    }
    cuts.retain(|cut| (1..word.len()).contains(&cut.at));
    cuts.dedup_by_key(|cut| cut.at);
    cuts
}
