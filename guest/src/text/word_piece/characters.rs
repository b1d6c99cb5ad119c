//! What the library's first two steps do to each character.

use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{
    NormalizedString, Normalizer as _, OffsetReferential, OffsetType, PreTokenizedString,
    PreTokenizer as _,
};

/// What becomes of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Character<'a> {
    /// A part of a word, perhaps an empty one.
    Part(&'a str),
    /// It separates words.
    Space,
    /// A word of its own.
    Word(&'a str),
}

/// The characters that have an entry: scripts of few letters and their signs, variants of these, and pictures.
const RANGES: [std::ops::Range<u32>; 3] = [0..0x3100, 0xfe00..0x10000, 0x1f000..0x1fb00];

/// Chinese characters that Unicode has had since its first versions. They are their own normal form.
const IDEOGRAPHS: [std::ops::RangeInclusive<char>; 2] =
    ['\u{3400}'..='\u{4db5}', '\u{4e00}'..='\u{9fa5}'];

/// All characters whose neighbors do not matter.
pub(super) struct Characters {
    /// Of all ranges.
    entries: Vec<Entry>,
    /// What all ideographs are.
    ideographs: Kind,
}

/// As few bytes as there can be: a snapshot holds thousands.
#[derive(Clone, Copy)]
struct Entry {
    kind: Kind,
    length: u8,
    normalized: [u8; 6],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Part,
    Space,
    Word,
    /// The library has to look at the text.
    Unknown,
}

const UNKNOWN: Entry = Entry { kind: Kind::Unknown, length: 0, normalized: [0; 6] };

impl Characters {
    pub(super) fn new(normalizer: &BertNormalizer, pre_tokenizer: &BertPreTokenizer) -> Self {
        let steps = Steps { normalizer, pre_tokenizer };
        let codes = RANGES.into_iter().flatten();
        let entry = |code| char::from_u32(code).and_then(|c| steps.entry(c)).unwrap_or(UNKNOWN);
        let ideographs = steps.entry('\u{4e2d}').map_or(Kind::Unknown, |entry| entry.kind);
        Self { entries: codes.map(entry).collect(), ideographs }
    }

    /// What becomes of `c`, which `text` consists of; `None` where the library has to see its neighbors, too.
    #[inline]
    pub(super) fn get<'a>(&'a self, c: char, text: &'a str) -> Option<Character<'a>> {
        let mut before = 0;
        for range in &RANGES {
            if range.contains(&u32::from(c)) {
                let entry = self.entries.get(before + (u32::from(c) - range.start) as usize)?;
                let normalized = entry.normalized.get(..usize::from(entry.length))?;
                return entry.kind.of(std::str::from_utf8(normalized).ok()?);
            }
            before += range.len();
        }
        let is_ideograph = IDEOGRAPHS.iter().any(|range| range.contains(&c));
        is_ideograph.then(|| self.ideographs.of(text)).flatten()
    }
}

impl Kind {
    fn of(self, text: &str) -> Option<Character<'_>> {
        match self {
            Self::Part => Some(Character::Part(text)),
            Self::Space => Some(Character::Space),
            Self::Word => Some(Character::Word(text)),
            Self::Unknown => None,
        }
    }
}

/// The library's steps.
struct Steps<'a> {
    normalizer: &'a BertNormalizer,
    pre_tokenizer: &'a BertPreTokenizer,
}

impl Steps<'_> {
    /// `None` where neighbors matter, or where it would not fit.
    fn entry(&self, c: char) -> Option<Entry> {
        let mut normalized = NormalizedString::from(c.to_string());
        self.normalizer.normalize(&mut normalized).ok()?;
        let normalized = normalized.get();
        if !normalized.chars().all(keeps_its_place) {
            return None;
        }
        let (kind, text) = self.kind(normalized)?;
        let mut entry = Entry { kind, length: u8::try_from(text.len()).ok()?, ..UNKNOWN };
        entry.normalized.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(entry)
    }

    /// What the pre-tokenizer makes of it between two letters.
    fn kind<'a>(&self, normalized: &'a str) -> Option<(Kind, &'a str)> {
        let mut between = PreTokenizedString::from(format!("a{normalized}a"));
        self.pre_tokenizer.pre_tokenize(&mut between).ok()?;
        let splits = between.get_splits(OffsetReferential::Normalized, OffsetType::Byte);
        let splits: Vec<&str> = splits.iter().map(|(text, ..)| *text).collect();
        match splits[..] {
            [word] if word.len() == normalized.len() + 2 => Some((Kind::Part, normalized)),
            ["a", "a"] => Some((Kind::Space, "")),
            ["a", word, "a"] if word == normalized.trim() => Some((Kind::Word, normalized.trim())),
            _ => None,
        }
    }
}

/// Whether a character stays where it is when a text is decomposed. Others, of a combining class that is not 0, change places
/// with each other (Unicode Standard Annex 15).
fn keeps_its_place(c: char) -> bool {
    let decomposed = |text: String| {
        let mut text = NormalizedString::from(text);
        text.nfd();
        text.get().to_owned()
    };
    let alone = decomposed(c.to_string());
    // Of the largest class and of the smallest.
    decomposed(format!("\u{345}{c}")) == format!("\u{345}{alone}")
        && decomposed(format!("{c}\u{334}")) == format!("{alone}\u{334}")
}
