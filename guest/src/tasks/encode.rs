//! From texts to the sequences that a model sees, shortened where they are too long.

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::api::ApiError;
use crate::engine::Sequence;
use crate::model::{TextModel, Timings};
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
}

impl Default for Truncate {
    fn default() -> Self {
        Self { too_long: TooLong::Truncate, truncation: Truncation::LongestFirst }
    }
}

impl<'de> Deserialize<'de> for Truncate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let by = |truncation| Self { too_long: TooLong::Truncate, truncation };
        let refuse = Self { too_long: TooLong::Refuse, ..Self::default() };
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
    /// The sequence of one text.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for a text that cannot be tokenized, or is too long to be taken whole.
    pub(crate) fn sequence(
        &self,
        text: &str,
        too_long: TooLong,
        timings: &mut Timings,
    ) -> Result<Sequence, ApiError> {
        let tokens = self.tokens(text, timings)?;
        let capacity = self.tokenizer.capacity();
        if tokens.len() > capacity && too_long == TooLong::Refuse {
            return Err(self.too_long(tokens.len(), capacity));
        }
        Ok(self.tokenizer.sequence(&tokens[..tokens.len().min(capacity)]))
    }

    /// The sequence of two texts.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] as above, and where the tokenizer knows no pairs.
    pub(crate) fn pair_sequence(
        &self,
        (first, second): (&[Token], &[Token]),
        Truncate { too_long, truncation }: Truncate,
    ) -> Result<Sequence, ApiError> {
        let capacity = self.tokenizer.pair_capacity().ok_or_else(no_pairs)?;
        let lengths = (first.len(), second.len());
        let fits = lengths.0 + lengths.1 <= capacity;
        let kept =
            truncation.kept(lengths, capacity).filter(|_| fits || too_long == TooLong::Truncate);
        let (one, two) = kept.ok_or_else(|| self.too_long(lengths.0 + lengths.1, capacity))?;
        let sequence = self.tokenizer.pair_sequence(&first[..one], &second[..two]);
        sequence.ok_or_else(no_pairs)
    }

    fn too_long(&self, tokens: usize, capacity: usize) -> ApiError {
        ApiError::Invalid(format!(
            "{tokens} tokens are more than the {capacity} that the model reads; send a shorter text, \
             or truncate = true to have its end left out"
        ))
    }
}

/// The tokenizer's post-processor does not say how two texts are put together.
pub(crate) fn no_pairs() -> ApiError {
    ApiError::Invalid("the model's tokenizer takes no pairs of texts".to_owned())
}
