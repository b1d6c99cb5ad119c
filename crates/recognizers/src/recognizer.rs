//! A row of the table of recognizers.

use serde::Serialize;

/// Result of a check of text that a pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The text is not an identifier of the recognizer: the checksum, country, length or date is
    /// wrong.
    Invalid,
    /// The text has the right form. There is no checksum, or none that all issuers use.
    Plausible,
    /// Its checksum is right.
    Valid,
}

impl Verdict {
    pub(crate) fn valid(is_valid: bool) -> Self {
        if is_valid { Self::Valid } else { Self::Invalid }
    }

    pub(crate) fn plausible(is_plausible: bool) -> Self {
        if is_plausible { Self::Plausible } else { Self::Invalid }
    }
}

/// Characters that are allowed directly before and after a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edges {
    /// No letter or digit.
    Word,
    /// No letter or digit, and no separator that connects another digit: for numbers without a checksum.
    Number,
    /// No letter or digit, and no further group of digits: for numbers that are written in groups.
    Groups,
    /// Anything after it: the pattern itself says where it ends.
    Open,
}

/// Maximum length of a match of most recognizers, in code points: an address of 64 and 254 letters
/// with its at sign.
pub const SHORT: usize = 320;
/// Maximum length of a match of keys, URLs and tokens, in code points. A private RSA key of 8192
/// bits has 6.4 kB.
pub const LONG: usize = 8192;

/// One kind of identifier: how it is written and checked, and what a finding is worth.
///
/// The pattern is a regular expression over the folded text, in which each code point is one byte:
/// digits, spaces and hyphens of all scripts are ASCII, `\x80` is any other letter, `\x81` any letter
/// of a script without spaces, and `\x82` any other symbol. It has no anchors and no look-around.
#[derive(Debug, Clone, Copy)]
pub struct Recognizer {
    /// Unique name, in snake case.
    pub name: &'static str,
    /// Label of its findings.
    pub label: &'static str,
    /// Regular expression over the folded text.
    pub pattern: &'static str,
    /// Check of a match.
    pub check: fn(&[u8]) -> Verdict,
    /// Characters that are allowed around a match.
    pub edges: Edges,
    /// Whether matches can be longer than [`SHORT`] bytes: up to [`LONG`].
    pub is_long: bool,
    /// Score of a plausible match without context, 0 to 1.
    pub plausible: f32,
    /// Score of a valid match without context, 0 to 1.
    pub valid: f32,
    /// Words, in lower case, that raise the score where one stands near.
    pub context: &'static [&'static str],
    /// Country that issues it (ISO 3166-1 alpha-2); `None` for all.
    pub country: Option<&'static str>,
    /// Source of the rule.
    pub source: &'static str,
    /// Texts that it finds as a whole.
    pub examples: &'static [&'static str],
}

impl Recognizer {
    pub(crate) const fn new(
        name: &'static str,
        label: &'static str,
        pattern: &'static str,
        check: fn(&[u8]) -> Verdict,
    ) -> Self {
        Self {
            name,
            label,
            pattern,
            check,
            edges: Edges::Word,
            is_long: false,
            plausible: 0.5,
            valid: 0.9,
            context: &[],
            country: None,
            source: "",
            examples: &[],
        }
    }

    /// Scores of plausible and valid matches without context.
    pub(crate) const fn scores(self, plausible: f32, valid: f32) -> Self {
        Self { plausible, valid, ..self }
    }

    pub(crate) const fn edges(self, edges: Edges) -> Self {
        Self { edges, ..self }
    }

    pub(crate) const fn long(self) -> Self {
        Self { is_long: true, ..self }
    }

    pub(crate) const fn context(self, context: &'static [&'static str]) -> Self {
        Self { context, ..self }
    }

    pub(crate) const fn country(self, country: &'static str) -> Self {
        Self { country: Some(country), ..self }
    }

    pub(crate) const fn source(self, source: &'static str) -> Self {
        Self { source, ..self }
    }

    pub(crate) const fn examples(self, examples: &'static [&'static str]) -> Self {
        Self { examples, ..self }
    }
}

/// Something that a recognizer found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// Its label.
    pub label: String,
    /// Name of the recognizer.
    pub recognizer: String,
    /// Confidence score, 0 to 1.
    pub score: f32,
    /// Whether its checksum is right, or a list of the configuration has it.
    pub validated: bool,
    /// The word near it that raised the score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// First code point.
    pub start: usize,
    /// One past the last code point.
    pub end: usize,
    /// Its bytes in UTF-8.
    #[serde(skip)]
    pub bytes: std::ops::Range<usize>,
}
