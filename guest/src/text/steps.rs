//! Normalizers and pre-tokenizers whose patterns say when they gave up on a text.
//!
//! The library takes a pattern that needs too many steps (`fancy-regex` counts them) for one that
//! does not match, and makes other tokens of the text.

use std::sync::OnceLock;

use fancy_regex::Regex;
use serde_json::Value;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pattern::Invert;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::split::SplitPattern;
use tokenizers::{
    NormalizedString, Normalizer, NormalizerWrapper, PreTokenizedString, PreTokenizer,
    PreTokenizerWrapper, SplitDelimiterBehavior,
};

const GAVE_UP: &str = "a pattern of the tokenizer takes too many steps on it";

/// `fancy-regex` remembers a million places to go back to.
const LONGEST_BLANK: usize = 990_000;

/// A normalizer, step by step.
pub struct Normalizing(Vec<NormalizerStep>);

enum NormalizerStep {
    Replace { pattern: Regex, content: String },
    Other(NormalizerWrapper),
}

/// A pre-tokenizer, step by step.
pub struct PreTokenizing(Vec<PreTokenizerStep>);

enum PreTokenizerStep {
    Split { pattern: Regex, behavior: SplitDelimiterBehavior, invert: bool },
    Other(PreTokenizerWrapper),
}

impl TryFrom<NormalizerWrapper> for Normalizing {
    type Error = String;

    fn try_from(normalizer: NormalizerWrapper) -> Result<Self, String> {
        let mut steps = Vec::new();
        add_normalizer(normalizer, &mut steps)?;
        Ok(Self(steps))
    }
}

fn add_normalizer(
    normalizer: NormalizerWrapper,
    steps: &mut Vec<NormalizerStep>,
) -> Result<(), String> {
    let replace = match normalizer {
        NormalizerWrapper::Sequence(parts) => {
            return parts.into_iter().try_for_each(|part| add_normalizer(part, steps));
        }
        NormalizerWrapper::Replace(replace) => replace,
        other => {
            steps.push(NormalizerStep::Other(other));
            return Ok(());
        }
    };
    // The library does not show the pattern otherwise.
    let written = serde_json::to_value(&replace).map_err(|error| error.to_string())?;
    steps.push(match &written["pattern"]["Regex"] {
        Value::String(pattern) => {
            NormalizerStep::Replace { pattern: compile(pattern)?, content: replace.content.clone() }
        }
        _ => NormalizerStep::Other(replace.into()),
    });
    Ok(())
}

impl TryFrom<PreTokenizerWrapper> for PreTokenizing {
    type Error = String;

    fn try_from(pre_tokenizer: PreTokenizerWrapper) -> Result<Self, String> {
        let mut steps = Vec::new();
        add_pre_tokenizer(pre_tokenizer, &mut steps)?;
        Ok(Self(steps))
    }
}

fn add_pre_tokenizer(
    pre_tokenizer: PreTokenizerWrapper,
    steps: &mut Vec<PreTokenizerStep>,
) -> Result<(), String> {
    steps.push(match pre_tokenizer {
        PreTokenizerWrapper::Sequence(parts) => {
            return parts.into_iter().try_for_each(|part| add_pre_tokenizer(part, steps));
        }
        PreTokenizerWrapper::Split(split) => match &split.pattern {
            SplitPattern::Regex(pattern) => PreTokenizerStep::Split {
                pattern: compile(pattern)?,
                behavior: split.behavior,
                invert: split.invert,
            },
            SplitPattern::String(_) => PreTokenizerStep::Other(split.into()),
        },
        other => PreTokenizerStep::Other(other),
    });
    Ok(())
}

impl Normalizing {
    /// The only step, if it is BERT's.
    pub fn as_bert(&self) -> Option<&BertNormalizer> {
        match &self.0[..] {
            [NormalizerStep::Other(NormalizerWrapper::BertNormalizer(step))] => Some(step),
            _ => None,
        }
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| error.to_string())
}

impl Normalizer for Normalizing {
    fn normalize(&self, normalized: &mut NormalizedString) -> tokenizers::Result<()> {
        self.0.iter().try_for_each(|step| match step {
            NormalizerStep::Replace { pattern, content } => {
                normalized.replace(pattern, content).map_err(gave_up)
            }
            NormalizerStep::Other(other) => other.normalize(normalized),
        })
    }
}

impl PreTokenizer for PreTokenizing {
    fn pre_tokenize(&self, text: &mut PreTokenizedString) -> tokenizers::Result<()> {
        self.0.iter().try_for_each(|step| match step {
            PreTokenizerStep::Split { pattern, behavior, invert } => {
                let split = text.split(|_, piece| {
                    if *invert {
                        piece.split(Invert(pattern), *behavior)
                    } else {
                        piece.split(pattern, *behavior)
                    }
                });
                split.map_err(gave_up)
            }
            PreTokenizerStep::Other(other) => {
                if matches!(other, PreTokenizerWrapper::ByteLevel(bytes) if bytes.use_regex) {
                    text.split(|_, piece| check_blanks(piece.get()).map(|()| [piece]))?;
                }
                other.pre_tokenize(text)
            }
        })
    }
}

fn gave_up(error: tokenizers::Error) -> tokenizers::Error {
    match error.downcast_ref() {
        Some(fancy_regex::Error::RuntimeError(_)) => GAVE_UP.into(),
        _ => error,
    }
}

/// Refuses what the pattern that is built into `ByteLevel` gives up on: it goes back over white space
/// place by place.
fn check_blanks(piece: &str) -> tokenizers::Result<()> {
    let is_long =
        |blanks: &str| blanks.len() > LONGEST_BLANK && blanks.chars().count() > LONGEST_BLANK;
    let mut blanks = piece.split(|c: char| !c.is_whitespace());
    if piece.len() > LONGEST_BLANK && blanks.any(is_long) { Err(GAVE_UP.into()) } else { Ok(()) }
}

impl PreTokenizing {
    /// The only step, if it is BERT's.
    pub fn as_bert(&self) -> Option<&BertPreTokenizer> {
        match &self.0[..] {
            [PreTokenizerStep::Other(PreTokenizerWrapper::BertPreTokenizer(step))] => Some(step),
            _ => None,
        }
    }

    /// Whether pieces never hold the spaces around words.
    pub fn parts_words(&self) -> bool {
        use PreTokenizerWrapper::{ByteLevel, Metaspace};
        let spaced = |step: &PreTokenizerStep| {
            matches!(step, PreTokenizerStep::Other(Metaspace(_) | ByteLevel(_)))
        };
        !self.0.is_empty() && !self.0.iter().any(spaced)
    }
}

/// A normalizer that keeps its first failure: the library goes on as if there were none.
pub struct Watched<'a> {
    normalizer: &'a Normalizing,
    failure: OnceLock<tokenizers::Error>,
}

impl<'a> Watched<'a> {
    /// Nothing has failed yet.
    pub fn new(normalizer: &'a Normalizing) -> Self {
        Self { normalizer, failure: OnceLock::new() }
    }

    /// What failed.
    ///
    /// # Errors
    /// The first failure.
    pub fn finish(self) -> tokenizers::Result<()> {
        self.failure.into_inner().map_or(Ok(()), Err)
    }
}

impl Normalizer for Watched<'_> {
    fn normalize(&self, normalized: &mut NormalizedString) -> tokenizers::Result<()> {
        self.normalizer.normalize(normalized).map_err(|error| {
            let message = error.to_string();
            // Later failures are not told.
            self.failure.set(error).ok();
            message.into()
        })
    }
}
