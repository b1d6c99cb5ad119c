//! From texts to the sequences that a model sees, shortened where they are too long.

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::api::ApiError;
use crate::engine::Sequence;
use crate::model::{TextModel, Usage};
use crate::text::{Token, Truncation};

/// What becomes of a text that is longer than the model reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TooLong {
    /// Its end is left out.
    Truncate,
    /// It is refused.
    Refuse,
}

/// `truncate` of a request: whether the end of what is too long is left out, or how that of a pair is.
/// `transformers` calls it `truncation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncate {
    pub(crate) too_long: TooLong,
    /// What of a pair is shortened.
    pub(crate) truncation: Truncation,
    /// Which end of a text is left out.
    pub(crate) side: Side,
    /// Longest sequence in tokens, special ones included, where the model reads longer ones.
    pub(crate) longest: usize,
}

/// An end of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Its beginning.
    #[serde(alias = "Left")]
    Left,
    /// Its end.
    #[default]
    #[serde(alias = "Right")]
    Right,
}

impl Side {
    /// `length` of the items.
    fn keep<T>(self, items: &[T], length: usize) -> &[T] {
        let length = length.min(items.len());
        match self {
            Self::Left => &items[items.len() - length..],
            Self::Right => &items[..length],
        }
    }
}

impl Truncate {
    /// Shortens what is too long at `side`, or refuses it.
    pub fn new(truncate: bool, side: Side) -> Self {
        let too_long = if truncate { TooLong::Truncate } else { TooLong::Refuse };
        Self { too_long, truncation: Truncation::LongestFirst, side, longest: usize::MAX }
    }

    /// Shortens what is longer than a sequence of so many tokens, special ones included.
    #[must_use]
    pub fn keeping(self, longest: usize) -> Self {
        Self { too_long: TooLong::Truncate, longest, ..self }
    }
}

impl Default for Truncate {
    fn default() -> Self {
        Self::new(true, Side::Right)
    }
}

impl<'de> Deserialize<'de> for Truncate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let by = |truncation| Self { truncation, ..Self::default() };
        let refuse = Self::new(false, Side::Right);
        Ok(match Value::deserialize(from)? {
            Value::Null | Value::Bool(true) => Self::default(),
            Value::Bool(false) => refuse,
            Value::String(name) => match &name[..] {
                "longest_first" => Self::default(),
                "only_first" => by(Truncation::OnlyFirst),
                "only_second" => by(Truncation::OnlySecond),
                "do_not_truncate" => refuse,
                _ => return Err(de::Error::custom(format!("truncate is {name:?}; {EXPECTED}"))),
            },
            other => return Err(de::Error::custom(format!("truncate is {other}; {EXPECTED}"))),
        })
    }
}

const EXPECTED: &str =
    "use true, false, \"longest_first\", \"only_first\", \"only_second\" or \"do_not_truncate\"";

impl TextModel {
    /// Special tokens of a sequence of one text or two, whichever has more.
    pub(crate) fn special_tokens(&self) -> usize {
        let of_one = self.tokenizer.capacity();
        let least = self.tokenizer.pair_capacity().map_or(of_one, |of_two| of_two.min(of_one));
        self.max_length.saturating_sub(least)
    }

    /// What fits of `capacity` tokens beside special ones, if a sequence is no longer than `longest`.
    fn fitting(&self, capacity: usize, longest: usize) -> usize {
        capacity.saturating_sub(self.max_length.saturating_sub(longest))
    }

    /// The sequence of one text.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for a text that cannot be tokenized, [`ApiError::TooLong`] for one that is too
    /// long to be taken whole.
    pub(crate) fn sequence(
        &self,
        text: &str,
        Truncate { too_long, side, longest, .. }: Truncate,
        usage: &mut Usage,
    ) -> Result<Sequence, ApiError> {
        let tokens = self.tokens(text, usage)?;
        let capacity = self.fitting(self.tokenizer.capacity(), longest);
        if tokens.len() > capacity && too_long == TooLong::Refuse {
            return Err(self.too_long(tokens.len(), capacity));
        }
        Ok(self.tokenizer.sequence(side.keep(&tokens, capacity)))
    }

    /// The sequence of two texts.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] as above, and where the tokenizer knows no pairs.
    pub(crate) fn pair_sequence(
        &self,
        (first, second): (&[Token], &[Token]),
        Truncate { too_long, truncation, side, longest }: Truncate,
    ) -> Result<Sequence, ApiError> {
        let capacity = self.tokenizer.pair_capacity().ok_or_else(no_pairs)?;
        let capacity = self.fitting(capacity, longest);
        let lengths = (first.len(), second.len());
        let fits = lengths.0 + lengths.1 <= capacity;
        let kept =
            truncation.kept(lengths, capacity).filter(|_| fits || too_long == TooLong::Truncate);
        let (one, two) = kept.ok_or_else(|| self.too_long(lengths.0 + lengths.1, capacity))?;
        let sequence = self.tokenizer.pair_sequence(side.keep(first, one), side.keep(second, two));
        sequence.ok_or_else(no_pairs)
    }

    fn too_long(&self, tokens: usize, capacity: usize) -> ApiError {
        ApiError::TooLong(format!(
            "{tokens} tokens are more than the {capacity} that the model reads; send a shorter text, \
             or truncate = true to have its end left out"
        ))
    }
}

/// The tokenizer's post-processor does not say how two texts are put together.
pub(crate) fn no_pairs() -> ApiError {
    ApiError::Invalid("the model's tokenizer does not support pairs".to_owned())
}
